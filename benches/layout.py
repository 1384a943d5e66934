#!/usr/bin/env python3
"""Finds out which functions the everyday calls run, and writes them to layout.ld, which build.rs gives to the linker.

A call touches some 400 of 15 000 functions. Scattered over the program they make the kernel map nearly all of it, at every
call; side by side they make it map a seventh. Names that a later compiler changes only lose their place.

Needs valgrind and a linker that writes maps as LLVM's does (Rust's own on Linux). Run it in the repository; it builds the
program into target/layout and plays the calls in a registry of its own there.
"""

import bisect
import glob
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(ROOT, "target", "layout")
MAP = os.path.join(TARGET, "map")
PROGRAM = os.path.join(TARGET, "release", "agentreg")

BEFORE = [
    ["task", "new", "x", "--id", "T"],
    ["register", "--type", "w", "--id", "a"],
    ["register", "--type", "w", "--id", "b"],
    ["finding", "--agent", "b", "x"],
]
CALLS = [
    ["progress", "-p", "40", "half way"],
    ["finding", "-s", "high", "-t", "issue", "x"],
    ["register", "--type", "w", "--id", "c"],
    ["progress", "-s", "completed", "all of it"],
    ["status", "T"],
    ["findings", "--since", "1m"],
]


def main():
    build = dict(os.environ, CARGO_TARGET_DIR=TARGET, AGENTREG_LAYOUT="no")
    subprocess.run(
        ["cargo", "rustc", "--release", "--bin", "agentreg", "--", "-C", "strip=none", "-C", f"link-arg=-Wl,-Map={MAP}"],
        cwd=ROOT, env=build, check=True,
    )
    sections = read_map()
    addresses = [at for at, _, _ in sections]
    home = os.path.join(TARGET, "home")
    shutil.rmtree(home, ignore_errors=True)
    env = dict(os.environ, AGENTREG_HOME=home, AGENTREG_TASK="T")
    for words in BEFORE:
        subprocess.run([PROGRAM, *words], env=env, check=True, stdout=subprocess.DEVNULL)
    env["AGENTREG_AGENT"] = "a"
    wanted, callers = {}, {}
    for call, words in enumerate(CALLS):
        for at in run(words, env):
            where, size, what = sections[bisect.bisect_right(addresses, at) - 1]
            wanted.setdefault(what, {})[where] = size
            callers.setdefault(what, set()).add(call)

    def order(what):
        # First what the first call runs, which is made most. Of that and of the rest, last what brings along much that is
        # not run, because its name has many instances.
        brought = sum(size for _, size, other in sections if other == what)
        is_crowded = brought > 2 * sum(wanted[what].values())
        return 0 not in callers[what], is_crowded, -len(callers[what]), sorted(callers[what]), what

    write(sorted(wanted, key=order))


def read_map():
    """Where each input section lies: [(address, bytes, pattern)]."""
    sections = []
    line_of_section = re.compile(r"\s*([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+\s+(\S.*):\((\.text\S*)\)$")
    for line in open(MAP):
        match = line_of_section.match(line)
        # The C runtime's first and last words have no name of their own.
        if match and int(match[2], 16) and (match[4] != ".text" or ".a(" in match[3]):
            sections.append((int(match[1], 16), int(match[2], 16), pattern(match[3], match[4])))
    return sorted(sections)


def pattern(file, section):
    archive = re.match(r".*/(lib[^/(]+\.a)\((.*)\)$", file)
    if archive:
        # Each CPU has variants of its own of what copies and compares; valgrind's is none of those.
        variant = re.match(r"((?:mem|str)\w+)-(?:avx|sse|evex)", archive[2])
        if variant:
            return f"*{archive[1]}:{variant[1]}-*.o(.text .text.*)"
        return f"*{archive[1]}:{archive[2]}({section})"
    # What differs from one compiler, or one version of a crate, to the next: hashes, and where what is cold is put.
    name = re.sub(r"17h[0-9a-f]{16}E", "17h*", section)
    name = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", name)
    name = re.sub(r"^\.text\.(unlikely\.)?", ".text*.", name)
    return f"*({name.replace('$', '?')})"


def run(words, env):
    """The addresses of the instructions that a call runs."""
    for old in glob.glob(os.path.join(TARGET, "callgrind.*")):
        os.remove(old)
    out = os.path.join(TARGET, "callgrind.out")
    subprocess.run(
        ["valgrind", "-q", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no", f"--callgrind-out-file={out}", PROGRAM, *words],
        env=env, check=True, stdout=subprocess.DEVNULL,
    )
    instruction = re.compile(r"0x([0-9a-f]+) ")
    return {int(match[1], 16) for match in map(instruction.match, open(out)) if match}


def write(patterns):
    with open(os.path.join(ROOT, "benches", "layout.ld"), "w") as out:
        out.write("/* The functions that everyday calls run, side by side. Written by layout.py, which says why. */\n")
        out.write("SECTIONS\n{\n  .text.everyday :\n  {\n")
        out.writelines(f"    {pattern}\n" for pattern in patterns)
        out.write("  }\n}\nINSERT BEFORE .text;\n")


main()
