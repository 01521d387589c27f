/**
 * Writes files in every way in which something is acknowledged, and says after each that it is: traced by
 * test/shell/files/flushing.test.ts. The argument is an empty folder.
 */
import { mkdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { homeIn } from "../../src/core/home.ts";
import { EventFiles } from "../../src/shell/events/event_files.ts";
import { createConfigFile } from "../../src/shell/files/config_file.ts";
import { openStateFolder } from "../../src/shell/files/state_folder.ts";
import { replaceWhole } from "../../src/shell/files/whole_file.ts";

/** One write, which is seen between those of the files. */
function done(name: string): void {
  writeSync(1, `done ${name}\n`);
}

const path = process.argv[2]!;
const state = join(path, "state");
const bytes = new TextEncoder().encode("something to be kept\n".repeat(1_000));
const draft = {
  cluster: "c",
  name: "n1",
  interface: "eth0",
  address: "192.0.2.1",
  token: `troop1-${"ab".repeat(32)}`,
};
mkdirSync(state);
done("start");
openStateFolder(join(path, "lib/troop"));
done("make");
const folder = openStateFolder(state);
done("open");
folder.writeNow("a", bytes);
done("writeNow");
await folder.write("b", bytes);
done("write");
await folder.append("b", bytes);
done("append");
replaceWhole(join(path, "c"), "text", 0o600);
done("replaceWhole");
createConfigFile(homeIn(path), draft, "test");
done("createConfigFile");
await new EventFiles(path).append(["an event"]);
done("event");
