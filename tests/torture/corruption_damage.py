"""What accidents and other programs do to a file: to its bytes, to what lies in its place, to what it says."""

import copy
import io
import json
import pickle
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from bench.execution.kept import keep, kept
from bench.results.codec import has_digest, with_digest

Damage = Callable[[random.Random, Path, Sequence[Path]], None]
"""Damages a file; the last are others of its kind."""


def _bytes(change: Callable[[random.Random, bytearray], bytes | bytearray]) -> Damage:
    def damage(chance: random.Random, path: Path, _: Sequence[Path]) -> None:
        path.write_bytes(change(chance, bytearray(path.read_bytes())))

    return damage


def _flip(chance: random.Random, data: bytearray) -> bytearray:
    for _ in range(chance.choice((1, 1, 1, 2, 20))):
        data[_place(chance, data)] ^= 1 << chance.randrange(8)
    return data


def _place(chance: random.Random, data: bytearray) -> int:
    """Return a place anywhere, or, as often, near the ends, where heads, names and directories are."""
    size = len(data)
    return chance.choice(
        (chance.randrange(size), chance.randrange(min(size, 200)), size - 1 - chance.randrange(min(size, 400)))
    )


def _block(chance: random.Random, data: bytearray) -> slice:
    start = chance.randrange(len(data))
    return slice(start, min(len(data), start + chance.choice((1, 16, 512, 4096))))


def _zero(chance: random.Random, data: bytearray) -> bytearray:
    where = _block(chance, data)
    data[where] = bytes(where.stop - where.start)
    return data


def _swap(chance: random.Random, data: bytearray) -> bytearray:
    size = min(chance.choice((1, 16, 512)), max(1, len(data) // 2))
    one, other = (chance.randrange(len(data) - size + 1) for _ in range(2))
    data[one : one + size], data[other : other + size] = data[other : other + size], data[one : one + size]
    return data


def _digit(chance: random.Random, data: bytearray) -> bytearray:
    places = [place for place, byte in enumerate(data) if chr(byte).isdigit()]
    if places:
        place = chance.choice(places)
        data[place] = ord(chance.choice([digit for digit in "0123456789" if digit != chr(data[place])]))
    return data


def _in_place(put: Callable[[Path], object]) -> Damage:
    def damage(_: random.Random, path: Path, __: Sequence[Path]) -> None:
        path.unlink()
        put(path)

    return damage


def _another(chance: random.Random, path: Path, others: Sequence[Path]) -> None:
    if others:
        shutil.copy(chance.choice(others), path)


def _archive(content: object) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream)
    return stream.getvalue()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readme", "nothing of ours")
    return stream.getvalue()


BYTES: Final[dict[str, Damage]] = {
    "bits flipped": _bytes(_flip),
    "cut short": _bytes(lambda chance, data: data[: chance.randrange(len(data))]),
    "bytes appended": _bytes(lambda chance, data: data + chance.randbytes(chance.choice((1, 100)))),
    "zeros": _bytes(_zero),
    "blocks swapped": _bytes(_swap),
    "emptied": _bytes(lambda _, __: b""),
    "a digit changed": _bytes(_digit),
    "NUL": _bytes(lambda chance, data: _inserted(chance, data, b"\0")),
    "no UTF-8": _bytes(lambda chance, data: _inserted(chance, data, b"\xc3\x28\xff")),
    "byte order mark": _bytes(lambda _, data: b"\xef\xbb\xbf" + data),
}
"""What a disk, a cable, an editor does."""

PLACES: Final[dict[str, Damage]] = {
    "deleted": _in_place(lambda _: None),
    "a folder": _in_place(lambda path: path.mkdir()),
    "a folder with a file": _in_place(lambda path: (path.mkdir(), (path / "file").write_text("of somebody's"))),
    "a link to nothing": _in_place(lambda path: path.symlink_to("nowhere")),
    "a link to itself": _in_place(lambda path: path.symlink_to(path.name)),
    "another's": _another,
    "a bare tensor": _in_place(lambda path: path.write_bytes(_archive(torch.zeros(3)))),
    "another pickle": _in_place(lambda path: path.write_bytes(pickle.dumps({"a": 1}))),
    "another archive": _in_place(lambda path: path.write_bytes(_zip())),
}
"""What is in the place of the file."""


def _inserted(chance: random.Random, data: bytearray, what: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    return bytes(data[:place]) + what + bytes(data[place:])


def _ways(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every value in a tree of mappings and lists."""
    if above:
        yield above
    if isinstance(value, dict):
        for key in value:
            yield from _ways(value[key], (*above, key))
    if isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _ways(item, (*above, place))


_ODD: Final = (None, True, -1, 0, 1.5, 2**63, 10**400, "", "nan", "inf", "\udce9", "\0", [], {}, [[]], {"": []})
_MARK: Final = "to be replaced"
_RAW: Final = (
    b"[" * 100_000, b'{"a":' * 100_000,
    b"NaN", b"Infinity", b"1e999", b"-0", b"01", b'"\\ud800"', b'"\\u0000"', b'"\xff"',
)  # fmt: skip


def _json(change: Callable[[random.Random, Any], bytes | None], sealed: bool) -> Damage:
    def damage(chance: random.Random, path: Path, _: Sequence[Path]) -> None:
        data = path.read_bytes()
        changed = change(chance, json.loads(data))
        if changed is None:
            return
        path.write_bytes(with_digest(changed) if sealed and has_digest(changed) else changed)

    return damage


def _way(chance: random.Random, content: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    """Return a copy of the content, an owner in it, and the way to one of the owner's values; no version, no digest."""
    content = copy.deepcopy(content)
    ways = [way for way in _ways(content) if way not in {("schema_version",), ("sha256",)}]
    # By depth first: there are a thousand numbers of rows to one key of the record.
    depth = chance.choice(sorted({len(way) for way in ways}))
    way = chance.choice([way for way in ways if len(way) == depth])
    owner = content
    for key in way[:-1]:
        owner = owner[key]
    return content, owner, way


def _dumped(content: Any) -> bytes:
    return json.dumps(content, indent=1).encode()


def _other_value(chance: random.Random, content: Any) -> bytes:
    content, owner, way = _way(chance, content)
    owner[way[-1]] = chance.choice(_ODD)
    return _dumped(content)


def _other_text(chance: random.Random, content: Any) -> bytes:
    content, owner, way = _way(chance, content)
    owner[way[-1]] = _MARK
    return _dumped(content).replace(json.dumps(_MARK).encode(), chance.choice(_RAW))


def _removed(chance: random.Random, content: Any) -> bytes:
    content, owner, way = _way(chance, content)
    del owner[way[-1]]
    return _dumped(content)


def _more(chance: random.Random, content: Any) -> bytes | None:
    content = copy.deepcopy(content)
    owners = [content, *(value for way in _ways(content) if isinstance(value := _at(content, way), dict))]
    chance.choice(owners)["more"] = 1
    return _dumped(content)


def _twice(chance: random.Random, content: Any) -> bytes:
    content, owner, way = _way(chance, content)
    if not isinstance(owner, dict):
        return _dumped(content)
    value = owner.pop(way[-1])
    owner[_MARK] = value
    text, name = json.dumps(value), json.dumps(way[-1])
    return _dumped(content).replace(json.dumps(_MARK).encode(), f"{name}: {text}, {name}".encode())


def _at(content: Any, way: Sequence[Any]) -> Any:
    for key in way:
        content = content[key]
    return content


_EDITS: Final[dict[str, Callable[[random.Random, Any], bytes | None]]] = {
    "another type": _other_value,
    "no JSON": _other_text,
    "a key removed": _removed,
    "a key more": _more,
    "a key twice": _twice,
}
JSON: Final = {name: _json(change, sealed=False) for name, change in _EDITS.items()}
"""What is edited by hand in a file of JSON."""
SEALED_JSON: Final = {f"{name}, sealed": _json(change, sealed=True) for name, change in _EDITS.items()}
"""What a program writes that knows of digests."""


def _tensors(change: Callable[[random.Random, Any, Any, Any], None]) -> Damage:
    def damage(chance: random.Random, path: Path, _: Sequence[Path]) -> None:
        content = kept(path)
        ways = list(_ways(content))
        depth = chance.choice(sorted({len(way) for way in ways}))
        way = chance.choice([way for way in ways if len(way) == depth])
        owner = _at(content, way[:-1])
        if not isinstance(owner, tuple):
            change(chance, owner, way[-1], owner[way[-1]])
        keep(path, content or {})

    return damage


def _of_shape(chance: random.Random, owner: Any, key: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        owner[key] = chance.choice((value.reshape(-1)[:0], value[None], torch.cat([value.reshape(-1)] * 2)))
    elif isinstance(value, list):
        owner[key] = [*value, *value, 1]
    else:
        owner[key] = [value]


def _of_type(chance: random.Random, owner: Any, key: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        owner[key] = value.to(torch.float16 if value.dtype != torch.float16 else torch.int8)
    else:
        owner[key] = chance.choice(
            [odd for odd in (None, "7", {}, [], -1, 10**30, torch.zeros(2)) if type(odd) is not type(value)]
        )


def _not_finite(chance: random.Random, owner: Any, key: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel():
        value.view(-1)[chance.randrange(value.numel())] = chance.choice((float("nan"), float("inf")))
    elif type(value) is int:
        owner[key] = chance.choice((-1, 10**30))
    else:
        owner[key] = None


def _renamed(_: random.Random, owner: Any, key: Any, value: Any) -> None:
    if isinstance(owner, dict):
        owner[f"{key}?"] = owner.pop(key)
    else:
        del owner[key]


SEALED_TENSORS: Final = {
    "another shape, sealed": _tensors(_of_shape),
    "another type, sealed": _tensors(_of_type),
    "not finite, sealed": _tensors(_not_finite),
    "renamed, sealed": _tensors(_renamed),
    "lost, sealed": _tensors(lambda _, owner, key, __: owner.pop(key)),
    "one more, sealed": _tensors(
        lambda _, owner, key, value: owner.update(more=value) if isinstance(owner, dict) else owner.append(value)
    ),
}
"""What a program writes that knows of digests, into a checkpoint or a trajectory."""


def damages(kind: str) -> dict[str, Damage]:
    """Return what may happen to a file of a kind, by name."""
    usual = {**BYTES, **PLACES}
    if kind in ("record", "note of a run", "note of a cell begun"):
        return {**usual, **JSON, **SEALED_JSON}
    if kind == "chunks":
        return {**usual, **JSON}
    return {**usual, **SEALED_TENSORS} if kind in ("checkpoint", "trajectory") else usual
