/** What a kernel's config says, from wherever it is told. */
import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { hasKernelOption, readKernelConfig } from "../../../src/shell/kernel/kernel_config.ts";

const TEXT = "CONFIG_IP_VS=m\nCONFIG_IP_VS_PROTO_TCP=y\n# CONFIG_IP_VS_PROTO_SCTP is not set\n";

/** A machine with these files. */
function read(files: Readonly<Record<string, Uint8Array>>): string | null {
  return readKernelConfig("6.1.0", (path) => {
    const bytes = files[path];
    if (bytes === undefined) throw new Error(`ENOENT ${path}`);
    return bytes;
  });
}

describe("readKernelConfig", () => {
  const plain = Buffer.from(TEXT);

  test("prefers what the kernel itself says", () => {
    const files = { "/proc/config.gz": gzipSync(plain), "/boot/config-6.1.0": Buffer.from("") };
    expect(read(files)).toBe(TEXT);
  });

  test.each(["/boot/config-6.1.0", "/lib/modules/6.1.0/config"])("finds it in %s", (path) => {
    expect(read({ "/proc/config.gz": Buffer.from("damaged"), [path]: plain })).toBe(TEXT);
  });

  test("does not guess", () => {
    expect(read({ "/boot/config-6.2.0": plain })).toBeNull();
  });

  test("does not unpack without end", () => {
    expect(read({ "/proc/config.gz": gzipSync(Buffer.alloc(8 * 1024 * 1024)) })).toBeNull();
  });
});

test("an option counts compiled in and as a module, by its whole name", () => {
  const names = ["CONFIG_IP_VS", "CONFIG_IP_VS_PROTO_TCP", "CONFIG_IP_VS_PROTO_SCTP", "CONFIG_IP"];
  expect(names.map((name) => hasKernelOption(TEXT, name))).toEqual([true, true, false, false]);
});
