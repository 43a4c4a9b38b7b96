/* Averages pixels over areas, bit for bit as OpenCV does with INTER_AREA (ResizeArea_Invoker and computeResizeAreaTab in
 * modules/imgproc/src/resize.cpp), in a third of its time: each line is scaled across once, not once for each of the two
 * results that it has a share in, and with its channels side by side in one vector.
 *
 * What is added to what, and in which order, is as there: sums of floats depend on it. Compile with -ffp-contract=off,
 * for a fused multiply-add rounds once where OpenCV's builds round twice.
 */
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* From here on floats are whole numbers: to add it rounds to the nearest, halves to even, into the lowest bits. */
#define WHOLE 8388608.0f

typedef float four __attribute__((vector_size(16)));

INLINE four load(const float *from)
{
    four found;
    memcpy(&found, from, sizeof found);
    return found;
}

static double least(double one, double other)
{
    return one < other ? one : other;
}

/* The shares that pixels from `first` on have in result number `place`; returns how many, ceil(scale) + 1 at most. */
static int share(int pixels, double scale, int place, int *first, float *shares)
{
    double begin = place * scale, end = begin + scale, size = least(scale, pixels - begin);
    int whole = (int)ceil(begin), last = (int)floor(end), count = 0;

    if (last > pixels - 1)
        last = pixels - 1;
    if (whole > last)
        whole = last;
    *first = whole;
    if (whole - begin > 1e-3) {
        *first = whole - 1;
        shares[count++] = (float)((whole - begin) / size);
    }
    for (int pixel = whole; pixel < last; pixel++)
        shares[count++] = (float)(1.0 / size);
    if (end - last > 1e-3)
        shares[count++] = (float)(least(least(end - last, 1.0), size) / size);
    return count;
}

/* Of three channels, the fourth of each result is overwritten by the next; there is room for that of the last. */
INLINE void scale_counted(const float *line, const int *first, const float *shares, int count, int width, int channels,
                          float *out)
{
    for (int x = 0; x < width; x++, shares += count, out += channels) {
        const float *from = line + (size_t)first[x] * channels;
        four sum = load(from) * shares[0];
        for (int i = 1; i < count; i++)
            sum += load(from + i * channels) * shares[i];
        memcpy(out, &sum, sizeof sum);
    }
}

/* With numbers that the compiler knows, it unrolls the inner loop. */
INLINE void scale_known(const float *line, const int *first, const float *shares, int count, int width, int channels,
                        float *out)
{
    switch (count) {
    case 2: scale_counted(line, first, shares, 2, width, channels, out); break;
    case 3: scale_counted(line, first, shares, 3, width, channels, out); break;
    case 4: scale_counted(line, first, shares, 4, width, channels, out); break;
    case 5: scale_counted(line, first, shares, 5, width, channels, out); break;
    case 6: scale_counted(line, first, shares, 6, width, channels, out); break;
    case 7: scale_counted(line, first, shares, 7, width, channels, out); break;
    case 8: scale_counted(line, first, shares, 8, width, channels, out); break;
    default: scale_counted(line, first, shares, count, width, channels, out);
    }
}

/* Scales across a line of three or four channels, or four lines of one that lie side by side as channels. */
static void scale_across(const float *line, const int *first, const float *shares, int count, int width, int channels,
                         float *out)
{
    if (channels == 3)
        scale_known(line, first, shares, count, width, 3, out);
    else
        scale_known(line, first, shares, count, width, 4, out);
}

/* Puts four lines side by side; what follows the last of all is the last again. */
static void weave(const uint8_t *pixels, ptrdiff_t stride, int columns, int left, float *line)
{
    const uint8_t *one = pixels, *two = one + (left > 1) * stride, *three = two + (left > 2) * stride;
    const uint8_t *last = three + (left > 3) * stride;

    for (int x = 0; x < columns; x++) {
        line[4 * x] = one[x];
        line[4 * x + 1] = two[x];
        line[4 * x + 2] = three[x];
        line[4 * x + 3] = last[x];
    }
}

static void unweave(const float *woven, int width, float *lines)
{
    for (int x = 0; x < width; x++) {
        lines[x] = woven[4 * x];
        lines[x + width] = woven[4 * x + 1];
        lines[x + 2 * width] = woven[4 * x + 2];
        lines[x + 3 * width] = woven[4 * x + 3];
    }
}

/* Makes width x height pixels of `channels` 8-bit samples (1, 3 or 4) of columns x lines, which begin `stride` bytes
 * apart. Each result stands for `scale_x` x `scale_y` pixels, which are 1 at least and reach into the last ones at most.
 * Returns 0, or -1 when there is no memory.
 */
int objectlens_area(const uint8_t *pixels, ptrdiff_t stride, int columns, int lines, int channels, double scale_x,
                    double scale_y, uint8_t *result, int width, int height)
{
    size_t lanes = channels == 1 ? 4 : channels, wide = (size_t)columns * lanes, out = (size_t)width * channels;
    size_t most = (size_t)ceil(scale_x) + 1, tall = (size_t)ceil(scale_y) + 1, count = 0, size;
    float *room, *line, *woven, *scaled, *sums, *shares, *down;
    int *first, begun = 0, done = 0;

    /* What lies behind a line counts nothing, but is read: the last results have fewer shares than others. */
    size = (wide + lanes * most) + 2 * ((size_t)width * lanes + 4) + out + width * most + tall;
    if (columns < 1 || lines < 1 || width < 1 || height < 1 || size > INT_MAX / sizeof *room)
        return -1;
    room = calloc(size, sizeof *room);
    first = malloc(width * sizeof *first);
    if (room == NULL || first == NULL) {
        free(room);
        free(first);
        return -1;
    }
    line = room;
    woven = line + wide + lanes * most;
    scaled = woven + (size_t)width * lanes + 4;
    sums = scaled + (size_t)width * lanes + 4;
    down = sums + out;
    shares = down + tall;

    for (int x = 0; x < width; x++) {
        size_t found = share(columns, scale_x, x, &first[x], shares + x * most);
        count = found > count ? found : count;
    }
    for (int x = 1; x < width && count < most; x++)
        memmove(shares + x * count, shares + x * most, count * sizeof *shares);

    for (int y = 0; y < height; y++) {
        int begin, end = share(lines, scale_y, y, &begin, down);
        for (int i = 0; i < end; i++) {
            const float *from;
            if (begin + i < begun || begin + i >= done) {
                const uint8_t *pixel = pixels + stride * (begin + i);
                begun = begin + i;
                done = begun + (channels == 1 ? 4 : 1);
                if (channels == 1) {
                    weave(pixel, stride, columns, lines - begun, line);
                    scale_across(line, first, shares, (int)count, width, 4, woven);
                    unweave(woven, width, scaled);
                } else {
                    for (size_t x = 0; x < wide; x++)
                        line[x] = pixel[x];
                    scale_across(line, first, shares, (int)count, width, channels, scaled);
                }
            }
            from = scaled + (begin + i - begun) * out;
            if (i == 0)
                for (size_t x = 0; x < out; x++)
                    sums[x] = down[0] * from[x];
            else
                for (size_t x = 0; x < out; x++)
                    sums[x] += down[i] * from[x];
        }
        for (size_t x = 0; x < out; x++) {
            float whole = sums[x] + WHOLE;
            uint32_t bits;
            int16_t low;
            memcpy(&bits, &whole, sizeof bits);
            /* Of white, hundreds of thousands of shares, each rounded up, come to more than white. */
            low = (int16_t)bits;
            result[y * out + x] = (uint8_t)(low < 255 ? low : 255);
        }
    }
    free(room);
    free(first);
    return 0;
}
