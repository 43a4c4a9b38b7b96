"""Settings of the whole process."""

import platform

import cv2

from objectlens.transforms.process import quiet_codecs, tune_allocator


def test_the_allocator_takes_the_setting_where_there_is_one():
    assert tune_allocator() is (platform.libc_ver()[0] == "glibc")


def test_codecs_get_their_threads():
    before = cv2.getNumThreads()
    try:
        quiet_codecs(1)
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)
