/**
 * What the running kernel was built with, where it or its package says so: /proc/config.gz (CONFIG_IKCONFIG_PROC), or
 * the file that distributions install beside the kernel.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

/** A config has some 250 KB; more than this is none. */
const CONFIG_BYTES_MAX = 4 * 1024 * 1024;

/** The config's text; null where nobody tells it. */
export function readKernelConfig(
  release: string,
  readBytes: (path: string) => Uint8Array = readFileSync,
): string | null {
  const files = ["/proc/config.gz", `/boot/config-${release}`, `/lib/modules/${release}/config`];
  for (const path of files) {
    try {
      const bytes = readBytes(path);
      const plain = path.endsWith(".gz")
        ? gunzipSync(bytes, { maxOutputLength: CONFIG_BYTES_MAX })
        : bytes;
      return new TextDecoder().decode(plain.subarray(0, CONFIG_BYTES_MAX));
    } catch {
      // Not there, not ours to read, or damaged: the next one may do.
    }
  }
  return null;
}

/** Whether the option is compiled in or a module: `CONFIG_IP_VS_PROTO_SCTP`. */
export function hasKernelOption(config: string, name: string): boolean {
  return config.split("\n").some((line) => line === `${name}=y` || line === `${name}=m`);
}
