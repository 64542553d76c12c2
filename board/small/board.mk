# board/small - a small appliance of the same processor family: bytes of flash count more than speed.
MUSL = $(shell uname -m)-linux-musl
HOT = -Oz
COLD = -Oz -fno-optimize-sibling-calls
ARCH =
FLASH_MAX = 1081344
