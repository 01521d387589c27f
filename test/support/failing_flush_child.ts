/**
 * Writes files on a disk that fails every flush, and says of each whether it is taken for written: run by
 * test/shell/files/flushing.test.ts. The argument is an empty folder.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Refusal } from "../../src/core/refusal.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";
import { replaceWhole } from "../../src/shell/files/whole_file.ts";

const path = process.argv[2]!;
const folder = openStateFolder(path);
const bytes = new TextEncoder().encode("something to be kept\n");
writeFileSync(join(path, "a"), "there");
const ways: Readonly<Record<string, () => unknown>> = {
  writeNow: () => folder.writeNow("a", bytes),
  write: () => folder.write("a", bytes),
  append: () => folder.append("a", bytes),
  replaceWhole: () => replaceWhole(join(path, "a"), "text", 0o600),
};
for (const [name, write] of Object.entries(ways)) {
  try {
    await write();
    console.log(`${name} is done`);
  } catch (error) {
    console.log(`${name} ${error instanceof Refusal ? "is refused" : "throws"}: ${error}`);
  }
}
