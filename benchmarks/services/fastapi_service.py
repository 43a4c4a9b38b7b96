"""What one writes in an afternoon: FastAPI, OpenCV, a folder of photographs. `FOLDER` is where they are."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
from fastapi import FastAPI, HTTPException, Response

cv2.setNumThreads(1)
app = FastAPI()
FOLDER = Path(os.environ["FOLDER"])


@app.get("/{name}")
def normalized(name: str) -> Response:
    try:
        data = (FOLDER / name).read_bytes()
    except FileNotFoundError:
        raise HTTPException(404) from None
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    picture = cv2.resize(picture, (256, 256), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return Response(cv2.imencode(".jpg", grey)[1].tobytes(), media_type="image/jpeg")
