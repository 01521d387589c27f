/**
 * A state folder in memory, as a disk would have it: what was written is there the next time it is opened.
 */
import type { StateFolder } from "../../src/shell/files/state_folder.ts";

/** Opens the folder, as at a start. `path`: where a decoder looks at the file itself. */
export function memoryFolder(files: Map<string, Uint8Array>, path = "/nowhere"): StateFolder {
  const lost = new Set<string>();
  const writeNow = (name: string, bytes: Uint8Array) => void files.set(name, new Uint8Array(bytes));
  return {
    path,
    read: (name) => files.get(name)?.slice() ?? null,
    writeNow,
    write: (name, bytes) => Promise.resolve(writeNow(name, bytes)),
    append(name, bytes) {
      const before = files.get(name);
      if (before === undefined) return Promise.reject(new Error(`there is no ${name}`));
      return Promise.resolve(writeNow(name, Buffer.concat([before, bytes])));
    },
    setAside(name) {
      lost.add(name);
      files.delete(name);
    },
    keepAside: (name) => void lost.add(name),
    wasLost: (name) => lost.has(name),
  };
}
