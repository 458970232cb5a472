"""Small copies of every data set that is read from files, in exactly the layout its owners ship.

python tests/miniatures.py DIR writes all of them, each into a folder of its name, for `--data-root DIR`.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from bench.data.reading.splits import held_out

TRAIN, VALIDATION, TEST = 40, 4, 8
SIZES = ((48, 36), (36, 48), (40, 40), (64, 20), (33, 90))
COLORS = {"red": (220, 40, 30), "green": (40, 170, 60), "blue": (50, 70, 220), "yellow": (240, 210, 40)}
SHAPES = ("ball", "box")
LONG = "a very long caption that goes on and on " * 12


class Scene:
    """One colored shape on a noisy ground: what miniature number `number` shows."""

    def __init__(self, number: int) -> None:
        rng = np.random.default_rng(number)
        self.number = number
        self.width, self.height = SIZES[number % len(SIZES)]
        self.color = list(COLORS)[number % len(COLORS)]
        self.shape = SHAPES[number // 4 % 2]
        side = min(self.width, self.height) // 2
        left = int(rng.integers(0, self.width - side))
        top = int(rng.integers(0, self.height - side))
        self.box = (left, top, side, side)
        self.ground = rng.integers(90, 200, (self.height, self.width, 3)).astype(np.uint8)

    @property
    def captions(self) -> list[str]:
        thing = f"a {self.color} {self.shape}"
        return [thing, f"A photo of {thing}, naïve but “true” – 绿", f"there is {thing} {LONG}"]

    def image(self) -> Image.Image:
        image = Image.fromarray(self.ground)
        left, top, wide, tall = self.box
        pencil = ImageDraw.Draw(image)
        draw = pencil.ellipse if self.shape == "ball" else pencil.rectangle
        draw((left, top, left + wide - 1, top + tall - 1), fill=COLORS[self.color])
        return image

    def data(self) -> bytes:
        """Mostly JPEG; some grey, some with transparency (a PNG, whatever the file is called), some CMYK."""
        form, mode = {7: ("JPEG", "L"), 11: ("PNG", "RGBA"), 13: ("JPEG", "CMYK")}.get(
            self.number % 20, ("JPEG", "RGB")
        )
        packed = io.BytesIO()
        self.image().convert(mode).save(packed, form)
        return packed.getvalue()

    def mask(self) -> Image.Image:
        mask = Image.new("L", (self.width, self.height))
        left, top, wide, tall = self.box
        ImageDraw.Draw(mask).rectangle((left, top, left + wide - 1, top + tall - 1), fill=1 + SHAPES.index(self.shape))
        return mask


def keys(form: Callable[[int], str], start: int) -> Iterator[tuple[str, int]]:
    """(key, number) of TRAIN examples that are kept for training and VALIDATION that are held out."""
    wanted, number = {False: TRAIN, True: VALIDATION}, start
    while any(wanted.values()):
        held = held_out(form(number))
        if wanted[held]:
            wanted[held] -= 1
            yield form(number), number
        number += 1


def put(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def put_json(path: Path, value: object) -> None:
    put(path, json.dumps(value))


def put_pickle(path: Path, value: object) -> None:
    """As Python 2 wrote it."""
    put(path, pickle.dumps(value, protocol=2))


def for_testing() -> range:
    return range(500_000, 500_000 + TEST)


def textcaps(root: Path) -> None:
    parts = {
        "train": list(keys(lambda number: f"{number:016x}", 0)),
        "val": [(f"{number:016x}", number) for number in for_testing()],
    }
    for part, examples in parts.items():
        rows = []
        for key, number in examples:
            scene = Scene(number)
            put(root / "train_images" / f"{key}.jpg", scene.data())
            rows += [
                {"image_id": key, "caption_str": text, "caption_id": len(rows), "image_path": f"train/{key}.jpg",
                 "image_width": scene.width, "image_height": scene.height, "set_name": part}
                for text in scene.captions
            ]  # fmt: skip
        put_json(root / f"TextCaps_0.1_{part}.json", {"dataset_type": part, "dataset_name": "textcaps", "data": rows})


def celebahq(root: Path) -> None:
    parts = {
        "train": list(keys(str, 0)),
        "test": [(str(number), number) for number in range(2_500, 2_500 + TEST)],
    }
    for part, examples in parts.items():
        put_pickle(root / part / "filenames.pickle", [key for key, _ in examples])
        for key, number in examples:
            scene = Scene(number)
            put(root / "images" / f"{key}.jpg", scene.data())
            put(root / "celeba-caption" / f"{key}.txt", "\n".join(scene.captions))
            folder = root / "CelebAMask-HQ-mask-anno" / str(number // 2_000)
            folder.mkdir(parents=True, exist_ok=True)
            face = scene.mask().point(lambda value: 255 if value else 0).convert("RGB")
            face.save(folder / f"{number:05d}_skin.png")
            if number % 2:
                face.resize((20, 20)).save(folder / f"{number:05d}_hair.png")


def cub200(root: Path) -> None:
    def name(number: int) -> str:
        scene = Scene(number)
        kind = list(COLORS).index(scene.color) + 1
        return f"{kind:03d}.{scene.color.title()}_{scene.shape.title()}_Bird/Bird_{number:04d}.jpg"

    examples = [(*pair, True) for pair in keys(name, 0)]
    examples += [(name(number), number, False) for number in range(5_000, 5_000 + TEST)]
    lists: dict[str, list[str]] = {"images": [], "train_test_split": [], "bounding_boxes": []}
    birds = root / "CUB_200_2011"
    for row, (file, number, train) in enumerate(examples, 1):
        scene = Scene(number)
        put(birds / "images" / file, scene.data())
        put(root / "text_c10" / file.replace(".jpg", ".txt"), "\n".join(scene.captions) + "\n")
        lists["images"].append(f"{row} {file}")
        lists["train_test_split"].append(f"{row} {int(train)}")
        lists["bounding_boxes"].append(f"{row} " + " ".join(f"{value:.1f}" for value in scene.box))
    for part, lines in lists.items():
        put(birds / f"{part}.txt", "\n".join(lines) + "\n")
    for part, train in (("train", True), ("test", False)):
        put_pickle(
            root / "birds" / part / "filenames.pickle", [file[:-4] for file, _, flag in examples if flag is train]
        )


def coco(root: Path, parts: tuple[str, str] = ("train2014", "val2014")) -> None:
    numbers = {parts[0]: [number for _, number in keys(str, 90)], parts[1]: list(for_testing())}
    for part, own in numbers.items():
        images, captions, objects = [], [], []
        for number in own:
            scene = Scene(number)
            name = (f"COCO_{part}_" if part.endswith("2014") else "") + f"{number:012d}.jpg"
            put(root / part / name, scene.data())
            images.append({"id": number, "file_name": name, "width": scene.width, "height": scene.height})
            captions += [
                {"image_id": number, "id": 10 * number + row, "caption": text}
                for row, text in enumerate(scene.captions)
            ]
            objects.append(_object(scene, number))
        info = {"info": {"year": 2014}, "licenses": []}
        put_json(root / f"annotations/captions_{part}.json", info | {"images": images, "annotations": captions})
        categories = [{"id": 37, "name": "sports ball"}, {"id": 80, "name": "box"}]
        instances = {"images": images, "annotations": objects, "categories": categories}
        put_json(root / f"annotations/instances_{part}.json", info | instances)


def _object(scene: Scene, number: int) -> dict[str, object]:
    """Every third one is a crowd, whose outline is run lengths column by column."""
    left, top, wide, tall = scene.box
    corners = [left, top, left + wide, top, left + wide, top + tall, left, top + tall]
    column = np.asarray(scene.mask()).T.ravel() > 0
    runs = np.diff(np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1], [True]])))
    counts = ([0] if column[0] else []) + runs.tolist()
    crowd = number % 3 == 0
    outline = {"counts": counts, "size": [scene.height, scene.width]} if crowd else [[float(x) for x in corners]]
    return {
        "id": number * 7, "image_id": number, "category_id": 37 if scene.shape == "ball" else 80,
        "bbox": list(scene.box), "area": wide * tall, "iscrowd": int(crowd), "segmentation": outline,
    }  # fmt: skip


def cocoqa(root: Path) -> None:
    coco(root)
    for part, folder in (("train", "train2014"), ("test", "val2014")):
        columns: dict[str, list[str]] = {"questions": [], "answers": [], "img_ids": [], "types": []}
        for path in sorted((root / folder).iterdir()):
            number = int(path.stem[-12:])
            scene = Scene(number)
            for question, answer, kind in (
                (f"what is the color of the {scene.shape}", scene.color, "2"),
                ("what is in the picture", scene.shape, "0"),
            ):
                for column, value in zip(columns.values(), (question, answer, str(number), kind), strict=True):
                    column.append(value)
        for name, lines in columns.items():
            put(root / part / f"{name}.txt", "\n".join(lines) + "\n")


def vqav2(root: Path) -> None:
    coco(root)
    for part in ("train2014", "val2014"):
        questions, annotations = [], []
        for path in sorted((root / part).iterdir()):
            number = int(path.stem[-12:])
            scene, question_id = Scene(number), number * 1_000
            questions.append({"image_id": number, "question": "What is this?", "question_id": question_id})
            given = [scene.shape] * 7 + [f"a {scene.shape}"] * 2 + ["no idea"]
            answers = [
                {"answer": text, "answer_confidence": "yes", "answer_id": row} for row, text in enumerate(given, 1)
            ]
            annotations.append(
                {"question_id": question_id, "image_id": number, "question_type": "what is", "answer_type": "other",
                 "multiple_choice_answer": scene.shape, "answers": answers}
            )  # fmt: skip
        info = {"info": {}, "task_type": "Open-Ended", "data_type": "mscoco", "data_subtype": part, "license": {}}
        put_json(root / f"v2_OpenEnded_mscoco_{part}_questions.json", info | {"questions": questions})
        put_json(root / f"v2_mscoco_{part}_annotations.json", info | {"annotations": annotations})


def refcoco(root: Path) -> None:
    coco(root)
    instances = json.loads((root / "annotations/instances_train2014.json").read_text())
    refs = []
    for row, found in enumerate(instances["annotations"]):
        scene = Scene(found["image_id"])
        words = ["the", scene.color, scene.shape]
        split = "train" if row < TRAIN - 8 else ("val", "testA", "testB")[row % 3]
        refs.append(
            {"ref_id": row, "ann_id": found["id"], "image_id": found["image_id"], "category_id": found["category_id"],
             "split": split, "file_name": f"COCO_train2014_{found['image_id']:012d}_{row}.jpg", "sent_ids": [row],
             "sentences": [{"tokens": words, "raw": " ".join(words).upper(), "sent_id": row, "sent": " ".join(words)}]}
        )  # fmt: skip
    put_pickle(root / "refcoco/refs(unc).p", refs)
    google = [ref | {"split": {"testA": "test", "testB": "test"}.get(ref["split"], ref["split"])} for ref in refs]
    put_pickle(root / "refcoco/refs(google).p", google)
    put_json(root / "refcoco/instances.json", instances)


def imagenet(root: Path) -> None:
    folders = {"ball": "n02778669", "box": "cardboard_box"}
    train = keys(lambda number: f"{folders[Scene(number).shape]}/{number}.JPEG", 0)
    for name, number in train:
        put(root / "train" / name, Scene(number).data())
    for number in for_testing():
        put(root / "val" / folders[Scene(number).shape] / f"{number}.JPEG", Scene(number).data())
    put(root / "LOC_synset_mapping.txt", "n02778669 ball, sphere\n")


def folder(root: Path) -> None:
    rows = []
    for number in range(90):
        scene = Scene(number)
        put(root / f"some/{number}.jpg", scene.data())
        rows.append({"file": f"some/{number}.jpg", "captions": scene.captions})
    put(root / "captions.jsonl", "\n".join(json.dumps(row) for row in rows) + "\n")


def folder_csv(root: Path) -> None:
    """The same with one row a caption, and folders that are the splits."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["file", "caption"])
    for split, numbers in (("train", range(40)), ("validation", range(100, 104)), ("test", range(200, 208))):
        for number in numbers:
            put(root / split / f"{number}.png", Scene(number).data())
            writer.writerows([f"{split}/{number}.png", caption] for caption in Scene(number).captions)
    put(root / "captions.csv", text.getvalue())


def webdataset(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    numbers = {"train-000000.tar": range(60), "train-000001.tar": range(60, 90), "test-000000.tar": for_testing()}
    for shard, own in numbers.items():
        with tarfile.open(root / shard, "w") as archive:
            for number in own:
                scene = Scene(number)
                told = json.dumps({"caption": scene.captions[:2], "width": scene.width})
                words = ("txt", scene.captions[0].encode()) if number % 2 else ("json", told.encode())
                for ending, data in (("jpg", scene.data()), words):
                    info = tarfile.TarInfo(f"{number:06d}.{ending}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))


def flickr8k(root: Path) -> None:
    """Ordinary images; one caption list names an image that is not there; phrases of three images have no box."""
    parts = {"train": range(TRAIN), "dev": range(1_000, 1_000 + VALIDATION), "test": for_testing()}
    rows = ["77_0123456789.jpg.1#0\ta photograph that is not in the set ."]
    for part, numbers in parts.items():
        names = [f"{number + 10}_{number:08x}.jpg" for number in numbers]
        put(root / f"Flickr8k_text/Flickr_8k.{part}Images.txt", "\n".join(names) + "\n")
        for name, number in zip(names, numbers, strict=True):
            scene = Scene(number)
            put(root / "Flicker8k_Dataset" / name, scene.data())
            rows += [f"{name}#{row}\t{text} ." for row, text in enumerate(scene.captions)]
            _entities(root / "Flickr30kEntities", number + 10, scene)
    put(root / "Flickr8k_text/Flickr8k.token.txt", "\n".join(rows) + "\n")


def _entities(folder: Path, number: int, scene: Scene, times: int = 5) -> None:
    """Phrase 1 has the shape's box, phrase 2 the halves of it, phrase 3 none; in a photograph `times` as large."""
    left, top, wide, tall = (times * value for value in scene.box)
    halves = ((left, left + wide // 2), (left + wide // 2, left + wide))
    boxes = [("1", left, left + wide), *(("2", *half) for half in halves)]
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{start}</xmin><ymin>{top}</ymin><xmax>{end}</xmax>"
        f"<ymax>{top + tall}</ymax></bndbox></object>"
        for name, start, end in boxes
    )
    size = f"<size><width>{times * scene.width}</width><height>{times * scene.height}</height><depth>3</depth></size>"
    scenery = "<object><name>3</name><scene>1</scene><nobndbox>1</nobndbox></object>"
    put(folder / f"Annotations/{number}.xml", f"<annotation>{size}{objects}{scenery}</annotation>")
    sentences = [
        f"There is [/EN#1/other a {scene.color} {scene.shape}] on [/EN#3/scene the ground] .",
        f"[/EN#2/other/other Two halves] of [/EN#0/notvisual it] and [/EN#1/other the {scene.shape}] .",
    ]
    put(folder / f"Sentences/{number}.txt", "\n".join(sentences) + "\n")


def daquar(root: Path) -> None:
    """A sixth of the questions has two answers; the last image of each list has no question."""
    parts = {
        "train": list(keys(lambda number: f"image{number}", 1)),
        "test": [(f"image{number}", number) for number in for_testing()],
    }
    for part, examples in parts.items():
        lines = []
        for key, number in examples:
            scene = Scene(number)
            put(root / f"nyu_depth_images/{key}.jpg", scene.data())
            things = f"{scene.shape}, ground" if number % 3 == 0 else scene.shape
            lines += [f"what is the color of the {scene.shape} in the {key} ?", scene.color]
            lines += [f"what is in the {key} ?", things]
        put(root / f"qa.894.raw.{part}.txt", "\n".join(lines) + "\n")
        put(root / f"{part}.txt", "\n".join([key for key, _ in examples] + [f"image9{len(part)}"]) + "\n")


WRITERS: dict[str, Callable[[Path], None]] = {
    "textcaps": textcaps, "celebahq": celebahq, "cub200": cub200, "coco": coco, "cocoqa": cocoqa, "vqav2": vqav2,
    "refcoco": refcoco, "imagenet": imagenet, "folder": folder, "webdataset": webdataset, "flickr8k": flickr8k,
    "daquar": daquar,
}  # fmt: skip


if __name__ == "__main__":
    for name, write in WRITERS.items():
        write(Path(sys.argv[1]) / name)
