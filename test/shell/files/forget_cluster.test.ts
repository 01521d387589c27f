import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { homeIn } from "../../../src/core/home.ts";
import { forgetCluster } from "../../../src/shell/files/forget_cluster.ts";
import { openStateFolder } from "../../../src/shell/files/state_folder.ts";
import { tempFolder } from "../../support/temp_folder.ts";

function home(files: readonly string[]) {
  const place = homeIn(tempFolder());
  mkdirSync(place.state, { recursive: true });
  for (const name of files) writeFileSync(join(place.state, name), name);
  return place;
}

describe("forgetCluster", () => {
  test("forgets what is of the cluster, and keeps what is of this machine", () => {
    const place = home([
      "document.bin",
      "document.journal",
      "peers.json",
      "records.json",
      "claims.json",
      "rows.json",
      "switches.json",
      "key",
      "boot",
    ]);
    forgetCluster(place, openStateFolder(place.state));
    expect(readdirSync(place.state).toSorted()).toEqual(["boot", "key"]);
  });

  test("keeps the node's file under another name", () => {
    const place = home([]);
    writeFileSync(place.config, "cluster: troop\n");
    forgetCluster(place, openStateFolder(place.state));
    expect(readdirSync(place.folder ?? "").toSorted()).toEqual(["state", "troop.yaml.left"]);
    expect(readFileSync(`${place.config}.left`, "utf8")).toBe("cluster: troop\n");
  });

  test("of a node that has nothing does nothing", () => {
    const place = home([]);
    forgetCluster(place, openStateFolder(place.state));
    forgetCluster(place, openStateFolder(place.state));
    expect(readdirSync(place.folder ?? "")).toEqual(["state"]);
  });
});
