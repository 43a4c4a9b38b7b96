"""The contact sheet: originals above, results below."""

from PIL import Image, ImageDraw, ImageFont, ImageOps

CELL = 256
GAP = 24
CAPTION = 44
COLUMNS = 6
MODES = {"L": "grey", "RGB": "colour", "RGBA": "with transparency", "P": "palette"}
PAPER = "#f6f5f2"
INK = "#222222"


def draw_sheet(pairs, path):
    """Draw (photograph, result) files in bands of `COLUMNS`; returns the path."""
    bands = [pairs[start : start + COLUMNS] for start in range(0, len(pairs), COLUMNS)]
    width = COLUMNS * (CELL + GAP) + GAP
    height = len(bands) * 2 * (CELL + CAPTION) + (len(bands) + 1) * GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    for row, band in enumerate(bands):
        top = GAP + row * (2 * (CELL + CAPTION) + GAP)
        for column, (photograph, result) in enumerate(band):
            left = GAP + column * (CELL + GAP)
            place(sheet, photograph, left, top)
            place(sheet, result, left, top + CELL + CAPTION)
    sheet.save(path, quality=88)
    return path


def place(sheet, path, left, top):
    """Draw one picture, as large as the cell allows, with its name and what it is below."""
    with Image.open(path) as opened:
        facts = f"{opened.format} {opened.width}x{opened.height} {MODES[opened.mode]}, {path.stat().st_size // 1024} KB"
        picture = ImageOps.contain(shown(opened), (CELL, CELL))
    sheet.paste(picture, (left + (CELL - picture.width) // 2, top + (CELL - picture.height) // 2))
    caption = f"{path.name}\n{facts}"
    ImageDraw.Draw(sheet).multiline_text((left, top + CELL + 4), caption, INK, ImageFont.load_default(14), spacing=3)


def shown(image):
    """Return an image as a viewer shows it: turned as EXIF says, transparency over a chequered ground."""
    image = ImageOps.exif_transpose(image)
    if "A" not in image.getbands():
        return image.convert("RGB")
    ground = Image.new("RGB", image.size, "white")
    square = 12
    for x in range(0, image.width, square):
        for y in range(x // square % 2 * square, image.height, 2 * square):
            ground.paste("#cccccc", (x, y, x + square, y + square))
    ground.paste(image, mask=image.getchannel("A"))
    return ground
