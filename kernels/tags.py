"""tags: the auxiliary fields of a record that the quality control asks for (SAM v1, section 4.2.4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, masked_equal, plain_bytes
from .jit import on_cpu, on_cuda, shared
from .records import AUX_SIZE, i32, u16, u32, u64
from .scalar import lowest_bit

NO_TAG = -(1 << 40)
MQ, NM, OQ, SA, XN = (ord(name[0]) | ord(name[1]) << 8 for name in ("MQ", "NM", "OQ", "SA", "XN"))


@shared
def text_end_by_eight(raw: Any, at: Any, stop: Any) -> Any:
    """``text_end``, eight bytes a step."""
    while at + 8 <= stop:
        word = u64(raw, at)
        low_bits = word & np.uint64(0x7F7F7F7F7F7F7F7F)
        zeros = ~((low_bits + np.uint64(0x7F7F7F7F7F7F7F7F)) | word | np.uint64(0x7F7F7F7F7F7F7F7F))
        if zeros != np.uint64(0):  # the highest bit of each byte that is 0
            return at + (lowest_bit(zeros) >> 3)
        at += 8
    while at < stop and raw[np.uint64(at)] != 0:
        at += 1
    return at


@on_cuda
def text_end(raw: Any, at: Any, stop: Any) -> Any:
    """Index of the first zero byte from ``at`` on, at most ``stop``."""
    return text_end_by_eight(raw, at, stop)


@on_cpu(text_end)
def _text_end_cpu(raw: Any, at: Any, stop: Any) -> Any:
    """64 bytes a step: how long most texts are need not be guessed."""
    while at < stop and at + WORD <= raw.shape[0]:
        zeros = masked_equal(plain_bytes(raw, at), 255, 0)
        if zeros != np.uint64(0):
            return min(at + lowest_bit(zeros), stop)
        at += WORD
    return text_end_by_eight(raw, at, stop) if at < stop else stop


@shared
def tag_integer(raw: Any, at: Any, kind: Any) -> Any:
    """The value at ``at`` of a tag of an integer type (SAM v1, section 4.2.4), ``NO_TAG`` of another type."""
    if kind == 67:  # C
        return np.int64(raw[at])
    if kind == 99:  # c
        return np.int64(raw[at]) - ((np.int64(raw[at]) >> 7) << 8)
    if kind == 83:  # S
        return np.int64(u16(raw, at))
    if kind == 115:  # s
        return np.int64(u16(raw, at)) - ((np.int64(u16(raw, at)) >> 15) << 16)
    if kind == 73:  # I
        return np.int64(u32(raw, at))
    return np.int64(i32(raw, at)) if kind == 105 else np.int64(NO_TAG)  # i


@on_cuda
def zeros_from(raw: Any, at: Any) -> Any:
    """uint64: which of the 64 bytes from ``at`` on are 0, as ``text_end_near`` asks it; 0: not known."""
    return np.uint64(0)


@on_cpu(zeros_from)
def _zeros_from_cpu(raw: Any, at: Any) -> Any:
    return masked_equal(plain_bytes(raw, at), 255, 0) if at + WORD <= raw.shape[0] else np.uint64(0)


@shared
def text_end_near(raw: Any, at: Any, stop: Any, begin: Any, zeros: Any) -> Any:
    """``text_end``; where ``zeros`` of the 64 bytes from ``begin`` on tell it there is nothing to read."""
    if at - begin < WORD:
        following = zeros >> np.uint64(at - begin)
        if following != np.uint64(0):
            return min(at + lowest_bit(following), stop)
    return text_end(raw, at, stop)


@shared
def walk_tags(read: Any, raw: Any) -> Any:
    """``read_tags``, tag by tag."""
    at = read.qual + read.l_seq
    stop = read.offset + 4 + u32(raw, read.offset)
    begin, zeros = at, zeros_from(raw, at)
    original, original_length, mate_mapq = np.int64(-1), np.int64(0), np.int64(NO_TAG)
    split, noise = False, False
    while at + 4 <= stop:
        word, value = u32(raw, at), at + 3
        name, kind = word & 0xFFFF, (word >> 16) & 0xFF
        if kind == 67:  # C, as most are: a CPU guesses so, and need not wait for the next tag's place
            at = value + 1
            if name == MQ:
                mate_mapq = word >> 24
            elif name == XN:
                noise = word >> 24 == 1
        elif kind == 90 or kind == 72:  # Z, H
            at = text_end_near(raw, value, stop, begin, zeros) + 1
            if name == OQ and at - 1 > value:
                original, original_length = value, at - 1 - value
        elif kind == 66:  # B
            size = AUX_SIZE[raw[np.uint64(value)]]
            if size == 0 or at + 8 > stop:
                break
            at += 8 + size * u32(raw, at + 4)
        else:
            at = value + AUX_SIZE[np.uint64(kind)]
            if at == value or at > stop:
                break
            if name == MQ:
                mate_mapq = tag_integer(raw, value, kind)
            elif name == XN:
                noise = tag_integer(raw, value, kind) == 1
        split = split or name == SA
    return original, original_length, mate_mapq, split, noise


@on_cuda
def read_tags(read: Any, raw: Any, known: Any) -> Any:
    """What Picard asks of a read's tags.

    Returns the offset of OQ's text (-1: none) and its length, MQ (``NO_TAG``: none), whether there is SA, whether XN
    is 1.
    """
    return walk_tags(read, raw)


# An aligner writes the same tags in the same order, read after read. So a CPU keeps the order that it met, and compares
# reads with that, link by link: tags of a fixed size, up to and with the name and type of a text. Of each link are kept
# its bytes as two words (0 where they are values), which of their bits count, how many bytes it has, whether a text
# follows, and where in it is the value of MQ (0: nowhere), with its bits and the one that is its sign.
LINK = 9
FIRST, FIRST_BITS, SECOND, SECOND_BITS, BYTES, TEXT, AT_MQ, MQ_BITS, MQ_SIGN = range(LINK)
LINK_BYTES = 16
MOST_LINKS = 12
LINKS, MISSED, AT_LINKS = 0, 1, 2  # how many links are known, how many reads in a row did not have them, where they are
MOST_MISSED = 3
KNOWN_TAGS = AT_LINKS + MOST_LINKS * LINK


@shared
def forget_tags(known: Any) -> None:
    """Nothing is known yet."""
    for k in range(KNOWN_TAGS):
        known[k] = 0


@shared
def has_known_tags(raw: Any, begin: Any, stop: Any, known: Any) -> Any:
    """Whether the tags in [begin, stop) are those that are known, and the value of MQ (``NO_TAG``: none)."""
    at, mate_mapq, place = begin, np.int64(NO_TAG), np.int64(AT_LINKS)
    if stop + 2 * WORD > raw.shape[0]:
        return False, mate_mapq
    behind, zeros = place + LINK * known[LINKS], zeros_from(raw, at)  # of the bytes from ``at`` on
    while place < behind:
        unlike = (np.int64(u64(raw, at)) ^ known[np.uint64(place + FIRST)]) & known[np.uint64(place + FIRST_BITS)]
        rest = (np.int64(u64(raw, at + 8)) ^ known[np.uint64(place + SECOND)]) & known[np.uint64(place + SECOND_BITS)]
        if unlike | rest:
            return False, mate_mapq
        if known[np.uint64(place + AT_MQ)]:
            mate_mapq = u32(raw, at + known[np.uint64(place + AT_MQ)]) & known[np.uint64(place + MQ_BITS)]
            mate_mapq -= (mate_mapq & known[np.uint64(place + MQ_SIGN)]) << 1
        at += known[np.uint64(place + BYTES)]
        zeros >>= np.uint64(known[np.uint64(place + BYTES)])
        if known[np.uint64(place + TEXT)]:
            if zeros == np.uint64(0):
                zeros = zeros_from(raw, min(at, stop))
            if zeros == np.uint64(0):
                return False, mate_mapq
            length = lowest_bit(zeros)
            at += length + 1
            zeros = zeros >> np.uint64(length) >> np.uint64(1)
        if at > stop:
            return False, mate_mapq
        place += LINK
    return at == stop, mate_mapq


@shared
def keep_byte(value: Any, k: Any, place: Any, known: Any) -> None:
    """Have byte ``k`` of a link be ``value``."""
    word, shift = place + (FIRST if k < 8 else SECOND), 8 * (k & 7)
    known[word] |= np.int64(value) << shift
    known[word + 1] |= np.int64(255) << shift


@shared
def learn_tags(raw: Any, at: Any, stop: Any, known: Any) -> None:
    """Keep the order of the tags in [at, stop), if of such ones only MQ, a whole number, is asked for."""
    forget_tags(known)
    place = np.int64(AT_LINKS)
    while at + 4 <= stop:
        name, kind = u32(raw, at) & 0xFFFF, np.int64(raw[np.uint64(at + 2)])
        text = kind == 90 or kind == 72  # Z, H
        size = 3 + AUX_SIZE[np.uint64(kind)]
        signed = kind == 99 or kind == 115 or kind == 105  # c, s, i
        number = signed or kind == 67 or kind == 83 or kind == 73  # C, S, I
        if not (text or size > 3) or name == OQ or name == SA or name == XN or (name == MQ and not number):
            return
        if known[place + TEXT] or known[place + BYTES] + size > LINK_BYTES:
            place += LINK
        if place >= KNOWN_TAGS:
            return
        for k in range(3):
            keep_byte(raw[np.uint64(at + k)], known[place + BYTES] + k, place, known)
        if name == MQ:
            bits = 8 * (size - 3)
            known[place + AT_MQ] = known[place + BYTES] + 3
            known[place + MQ_BITS] = (np.int64(1) << bits) - 1
            known[place + MQ_SIGN] = np.int64(signed) << (bits - 1)
        known[place + BYTES] += size
        known[place + TEXT] = np.int64(text)
        at = text_end(raw, at + 3, stop) + 1 if text else at + size
    if at == stop:
        known[LINKS] = (place - AT_LINKS) // LINK + 1


@on_cpu(read_tags)
def _read_tags_cpu(read: Any, raw: Any, known: Any) -> Any:
    begin = read.qual + read.l_seq
    stop = read.offset + 4 + u32(raw, read.offset)
    same, mate_mapq = has_known_tags(raw, begin, stop, known)
    if same:
        known[MISSED] = 0
        return np.int64(-1), np.int64(0), mate_mapq, False, False
    known[MISSED] += 1
    if known[MISSED] > MOST_MISSED:
        learn_tags(raw, begin, stop, known)
    return walk_tags(read, raw)
