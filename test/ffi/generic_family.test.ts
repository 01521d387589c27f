/** Families by name, from the real kernel and from one that answers with other errors. */
import { beforeAll, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resolveFamily } from "../../ffi/generic_family.ts";
import { type Libraries, openLibraries } from "../../ffi/libraries.ts";

let libraries: Libraries;
beforeAll(async () => {
  libraries = await openLibraries({ privateFolder: join(tmpdir(), `troop-ffi-${process.pid}`) });
});

/** GENL_ID_CTRL (linux/genetlink.h): the family that knows the others, the only one with a fixed number. */
const CONTROLLER = 16;

test("resolveFamily finds the controller at its fixed number", () => {
  expect(resolveFamily(libraries, "nlctrl")).toBe(CONTROLLER);
});

test("resolveFamily knows nothing of a family that is not there", () => {
  expect(resolveFamily(libraries, "NOSUCH")).toBeUndefined();
});

test("resolveFamily does not take another failure for an absent family", () => {
  const failing = { ...libraries, genl: { ...libraries.genl, genl_ctrl_resolve: () => -5 } };
  expect(() => resolveFamily(failing as unknown as Libraries, "IPVS")).toThrow(
    "find generic netlink family IPVS: EIO (libnl error 5)",
  );
});
