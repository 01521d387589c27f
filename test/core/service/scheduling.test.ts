import { describe, expect, test } from "bun:test";
import {
  flagNamesOf,
  formatSchedulerFlag,
  parseSchedulerFlag,
  PERSISTENCE_S_MAX,
  persistenceSchema,
  schedulers,
} from "../../../src/core/service/scheduling.ts";

describe("scheduler flags", () => {
  test.each(
    [
      ["sh", "sh-fallback", "flag-1"],
      ["sh", "sh-port", "flag-2"],
      ["mh", "mh-fallback", "flag-1"],
      ["mh", "mh-port", "flag-2"],
    ] as const,
  )("of %s: %s is %s", (scheduler, name, flag) => {
    expect(parseSchedulerFlag(scheduler, name)).toBe(flag);
    expect(parseSchedulerFlag(scheduler, flag)).toBe(flag);
    expect(formatSchedulerFlag(scheduler, flag)).toBe(name);
    expect(flagNamesOf(scheduler)).toContain(name);
  });

  test("that a scheduler does not have are none of it", () => {
    expect(parseSchedulerFlag("sh", "mh-port")).toBeUndefined();
    expect(parseSchedulerFlag("mh", "flag-3")).toBeUndefined();
    expect(parseSchedulerFlag("sh", "")).toBeUndefined();
    for (const scheduler of schedulers) {
      if (scheduler === "sh" || scheduler === "mh") continue;
      expect(flagNamesOf(scheduler)).toEqual([]);
      expect(parseSchedulerFlag(scheduler, "flag-1")).toBeUndefined();
    }
  });

  test("without a name are written by number", () => {
    expect(formatSchedulerFlag("sh", "flag-3")).toBe("flag-3");
    expect(formatSchedulerFlag("wlc", "flag-1")).toBe("flag-1");
    expect(formatSchedulerFlag("new", "flag-2")).toBe("flag-2");
  });
});

describe("persistenceSchema", () => {
  test("takes a time alone", () => {
    expect(persistenceSchema.parse({ timeoutS: 360 }))
      .toEqual({ timeoutS: 360, prefixLength: null, engine: null });
  });

  const cases: [value: Record<string, unknown>, accepted: boolean][] = [
    [{ timeoutS: 1 }, true],
    [{ timeoutS: 0 }, false],
    [{ timeoutS: PERSISTENCE_S_MAX }, true],
    [{ timeoutS: PERSISTENCE_S_MAX + 1 }, false],
    [{ timeoutS: 1.5 }, false],
    [{ timeoutS: 60, prefixLength: 1 }, true],
    [{ timeoutS: 60, prefixLength: 128 }, true],
    [{ timeoutS: 60, prefixLength: 0 }, false],
    [{ timeoutS: 60, prefixLength: 129 }, false],
    [{ timeoutS: 60, engine: "sip" }, true],
    [{ timeoutS: 60, engine: "cookie" }, false],
    [{}, false],
  ];
  test.each(cases)("%j: %p", (value, accepted) => {
    expect(persistenceSchema.safeParse(value).success).toBe(accepted);
  });
});
