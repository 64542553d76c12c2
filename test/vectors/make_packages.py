#!/usr/bin/python3
"""Makes package_*.bin as a real Wazuh >= 4.4 node does (reference, section 5.2): zlib.compress of each file,
separators between records, files_metadata.json last and no separator after it.

package_plain.bin: a text, an empty file, one of 100,000 bytes and the metadata, at level 1.
package_level9.bin: the same at level 9.
package_cut.bin: one file at level 0 whose content holds both separators; a receiver that cuts at the
separator instead of the end of the zlib stream loses it."""
import zlib

LINE = b"<rule id=\"100001\" level=\"5\"><description>vector</description></rule>\n"
LONG = bytes((i * i // 7 + i) & 255 for i in range(100000))
CUT = b"before|@@//@@|between|//@@//|after|@@//@@|"


def package(members, level):
    return b"|@@//@@|".join(name.encode() + b"|//@@//|" + zlib.compress(data, level) for name, data in members)


plain = [("etc/rules/local.xml", LINE * 40), ("etc/shared/default/empty", b""),
         ("etc/lists/größe", LONG), ("files_metadata.json", b'{"missing": {}, "extra": {}, "shared": {}}')]
for name, data in (("plain", package(plain, 1)), ("level9", package(plain, 9)),
                   ("cut", package([("etc/lists/cut", CUT)], 0))):
    with open(f"package_{name}.bin", "wb") as f:
        f.write(data)
