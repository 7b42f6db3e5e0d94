"""Every format and every kind of broken file."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from modicum.errors import ModicumError
from modicum.images import is_picture, picture_size, read_mask, read_picture
from modicum.images.orientation import upright

RGB = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tif", "tiff"])
def test_lossless_colour_comes_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ä picture.{suffix}"
    Image.fromarray(RGB).save(path)
    assert np.array_equal(read_picture(path), RGB)
    assert picture_size(path) == (40, 60)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "gif"])
def test_lossy_colour_is_what_pillow_says(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(RGB).save(path)
    assert np.array_equal(read_picture(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("jpg", {}), ("tif", {}), ("tif", {"compression": "tiff_lzw"})])
def test_orientation_is_applied_as_pillow_does(tmp_path: Path, orientation: int, suffix: str, options: dict[str, str]) -> None:
    path = tmp_path / f"x.{suffix}"
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    assert np.array_equal(read_picture(path), upright)
    assert picture_size(path) == upright.shape[:2]


def test_a_png_may_say_after_its_pixels_how_it_is_turned(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    image = Image.fromarray(RGB)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    told = path.read_bytes()
    start = told.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(told[start : start + 4], "big")
    last = told.index(b"IEND") - 4
    path.write_bytes(told[:start] + told[end:last] + told[start:end] + told[last:])
    assert picture_size(path) == read_picture(path).shape[:2] == (60, 40)


def test_the_size_of_a_png_is_known_without_its_pixels(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "x.png")
    whole = (tmp_path / "x.png").read_bytes()
    (tmp_path / "x.png").write_bytes(whole[:200])
    assert picture_size(tmp_path / "x.png") == (40, 60)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_of_every_depth(tmp_path: Path, dtype: type, channels: int) -> None:
    values = (RGB[..., :channels].astype(dtype) * (1 if dtype == np.uint8 else 201)).squeeze()
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="rgb" if channels == 3 else "minisblack")
    found = read_picture(tmp_path / "x.tif")
    assert found.dtype == dtype
    assert np.array_equal(found, values.reshape(40, 60, channels))


def test_signed_tiff_becomes_float(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", GREY.astype(np.int16) - 100)
    found = read_picture(tmp_path / "x.tif")
    assert found.dtype == np.float32
    assert found.min() < 0


def test_16_bit_png(tmp_path: Path) -> None:
    import cv2

    deep = RGB.astype(np.uint16) * 257 + 3
    cv2.imwrite(str(tmp_path / "rgb.png"), deep[..., ::-1])
    cv2.imwrite(str(tmp_path / "grey.png"), deep[..., 0])
    assert np.array_equal(read_picture(tmp_path / "rgb.png"), deep)
    assert np.array_equal(read_picture(tmp_path / "grey.png"), deep[..., :1])


def test_alpha_is_dropped_and_1_bit_spread(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([RGB, GREY])).save(tmp_path / "rgba.png")
    Image.fromarray(np.dstack([GREY, GREY]), "LA").save(tmp_path / "la.png")
    Image.fromarray(GREY > 100).save(tmp_path / "bit.png")
    tifffile.imwrite(tmp_path / "rgba.tif", np.dstack([RGB, GREY]), photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_picture(tmp_path / "rgba.png"), RGB)
    assert np.array_equal(read_picture(tmp_path / "la.png"), GREY[..., None])
    assert np.array_equal(read_picture(tmp_path / "rgba.tif"), RGB)
    assert np.array_equal(read_mask(tmp_path / "bit.png"), np.where(GREY > 100, 255, 0))


def test_grey_stored_as_colour_stays_colour_but_is_a_grey_mask(tmp_path: Path) -> None:
    Image.fromarray(np.dstack([GREY] * 3)).save(tmp_path / "x.png")
    assert read_picture(tmp_path / "x.png").shape == (40, 60, 3)
    assert np.array_equal(read_mask(tmp_path / "x.png"), GREY)


def test_palette_mask_gives_indices_and_a_grey_palette_its_values(tmp_path: Path) -> None:
    index = (GREY % 3).astype(np.uint8)
    image = Image.fromarray(index, "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "colour.png")
    Image.fromarray(np.where(GREY > 99, 255, 0).astype(np.uint8)).save(tmp_path / "grey.gif")
    assert np.array_equal(read_mask(tmp_path / "colour.png"), index)
    assert read_picture(tmp_path / "colour.png").shape == (40, 60, 3)
    assert np.array_equal(read_mask(tmp_path / "grey.gif"), np.where(GREY > 99, 255, 0))


def test_gzipped_ppm(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "im0001.ppm")
    packed = tmp_path / "im0001.ah.ppm.gz"
    packed.write_bytes(gzip.compress((tmp_path / "im0001.ppm").read_bytes()))
    assert is_picture(packed)
    assert np.array_equal(read_picture(packed), RGB)
    packed.write_bytes(packed.read_bytes()[:-400])
    with pytest.raises(ModicumError):
        read_picture(packed)


@pytest.mark.timeout(20)
def test_a_palette_mask_of_eight_bit_colours_gives_indices(tmp_path: Path) -> None:
    colours = np.zeros((3, 256), np.uint16)
    colours[:, 1], colours[:, 2] = (255, 0, 0), (0, 255, 0)
    values = GREY % 3
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="palette", colormap=colours)
    assert np.array_equal(read_mask(tmp_path / "x.tif"), values)
    assert set(np.unique(read_picture(tmp_path / "x.tif"))) == {0, 255}


def test_a_palette_mask_whose_greys_are_alike_gives_indices(tmp_path: Path) -> None:
    values = GREY % 3
    tifffile.imwrite(tmp_path / "x.tif", values, photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    assert np.array_equal(read_mask(tmp_path / "x.tif"), values)
    image = Image.fromarray(values, "P")
    image.putpalette([0] * 768)
    image.save(tmp_path / "x.png")
    assert np.array_equal(read_mask(tmp_path / "x.png"), values)


@pytest.mark.parametrize("most", [3, 255, 1000])
def test_a_pgm_mask_gives_its_values_whatever_their_greatest(tmp_path: Path, most: int) -> None:
    values = (GREY % 3).astype(np.uint8 if most < 256 else ">u2")
    (tmp_path / "x.pgm").write_bytes(b"P5 60 40 %d\n" % most + values.tobytes())
    assert np.array_equal(read_mask(tmp_path / "x.pgm"), values)


def test_a_tiff_that_claims_millions_of_tiles_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, np.zeros((32, 32, 3), np.uint8), photometric="rgb", tile=(16, 16))
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags["ImageLength"].overwrite(2**26)
    with pytest.raises(ModicumError, match="tiles of the picture are missing"):
        read_picture(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "ppm", "tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(RGB).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModicumError) as caught:
        read_picture(path)
    assert caught.value.file == path
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.jpg"])
@pytest.mark.parametrize("content", [b"", b"this is text, not a picture", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    for read in (read_picture, read_mask, picture_size):
        with pytest.raises(ModicumError, match=name):
            read(tmp_path / name)


def test_missing_unknown_and_volume(tmp_path: Path) -> None:
    with pytest.raises(ModicumError, match="no such file"):
        read_picture(tmp_path / "x.png")
    with pytest.raises(ModicumError, match="no picture format"):
        read_picture(tmp_path / "x.doc")
    with pytest.raises(ModicumError, match="this is a volume"):
        read_picture(tmp_path / "x.nii.gz")


def test_stacks_and_animations_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((5, 40, 60), np.uint8), photometric="minisblack")
    Image.fromarray(GREY).save(tmp_path / "x.gif", save_all=True, append_images=[Image.fromarray(255 - GREY)])
    tifffile.imwrite(tmp_path / "many.tif", np.zeros((200, 4, 4), np.uint8), photometric="minisblack", metadata=None)
    with pytest.raises(ModicumError, match="holds more than 64 pages"):
        read_picture(tmp_path / "many.tif")
    with pytest.raises(ModicumError, match="5 pages"):
        read_picture(tmp_path / "x.tif")
    with pytest.raises(ModicumError, match="2 pictures"):
        read_picture(tmp_path / "x.gif")


def test_hidden_files_are_no_pictures() -> None:
    assert not is_picture("._x.png")
    assert is_picture("X.JPG")
    assert not is_picture("x.csv")


@pytest.mark.parametrize("white_is_zero", [0, 1])
@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_deflate", "tiff_lzw", "group3", "group4"])
@pytest.mark.parametrize("kind", ["bit", "grey", "deep"])
def test_a_tiff_says_the_same_however_it_is_compressed(tmp_path: Path, kind: str, compression: str, white_is_zero: int) -> None:
    if compression.startswith("group") and kind != "bit":
        pytest.skip("for pictures of one bit")
    true = {"bit": GREY > 100, "grey": GREY, "deep": GREY.astype(np.uint16) * 257 + 3}[kind]
    Image.fromarray(true).save(tmp_path / "x.tif", compression=compression, tiffinfo={262: 1 - white_is_zero})
    if kind == "deep" and white_is_zero:  # Pillow writes these as they are
        true = 65535 - true
    assert np.array_equal(read_mask(tmp_path / "x.tif"), np.where(true, 255, 0) if kind == "bit" else true)


def compressed(path: Path, pictures: list[np.ndarray], compression: int, orientation: int = 0) -> None:
    """Colours as OpenCV writes them; an orientation takes the place of the number of rows in a strip, of which there is one."""
    import cv2

    cv2.imwritemulti(str(path), [p[..., ::-1] for p in pictures], [cv2.IMWRITE_TIFF_COMPRESSION, compression])
    if orientation:
        with tifffile.TiffFile(path) as file:
            samples, rows = (file.pages[0].tags[tag].offset for tag in ("SamplesPerPixel", "RowsPerStrip"))
        whole = bytearray(path.read_bytes())
        whole[rows : rows + 12] = whole[samples : samples + 12]
        whole[samples : samples + 12] = struct.pack("<HHII", 274, 3, 1, orientation)
        path.write_bytes(whole)


@pytest.mark.parametrize("compression", [1, 5, 8])  # none, LZW, deflate
def test_deep_colours_keep_their_bits_however_they_are_compressed(tmp_path: Path, compression: int) -> None:
    deep = RGB.astype(np.uint16) * 257 + 3
    compressed(tmp_path / "x.tif", [deep, deep[::2, ::2]], compression)  # with a smaller copy
    found = read_picture(tmp_path / "x.tif")
    assert found.dtype == np.uint16
    assert np.array_equal(found, deep)
    for orientation in range(1, 9):
        small = deep[:10, :12]
        compressed(tmp_path / "x.tif", [small], compression, orientation)
        assert np.array_equal(read_picture(tmp_path / "x.tif"), upright(small, orientation))
    compressed(tmp_path / "x.tif", [deep, deep], compression)
    with pytest.raises(ModicumError, match="2 pages"):
        read_picture(tmp_path / "x.tif")


def test_deep_colours_that_nobody_decompresses_are_refused(tmp_path: Path) -> None:
    compressed(tmp_path / "x.tif", [RGB.astype(np.uint16) * 257], 5)
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        file.pages[0].tags["PhotometricInterpretation"].overwrite(8)  # CIE L*a*b*
    with pytest.raises(ModicumError, match=r"16 bits cannot be decompressed \(LZW\).*imagecodecs"):
        read_picture(tmp_path / "x.tif")


@pytest.mark.parametrize("deep", [False, True])
def test_a_preview_before_a_compressed_picture_is_passed_over(tmp_path: Path, deep: bool) -> None:
    whole = RGB.astype(np.uint16) * 257 + 3 if deep else RGB
    compressed(tmp_path / "x.tif", [whole[::2, ::2], whole], 5)
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        file.pages[0].tags["NewSubfileType"].overwrite(1)
    assert np.array_equal(read_picture(tmp_path / "x.tif"), whole)
