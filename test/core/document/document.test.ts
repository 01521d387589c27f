import { describe, expect, test } from "bun:test";
import {
  EMPTY_DOCUMENT,
  moveSchema,
  nameSchema,
  nodeEntrySchema,
  nodeIdSchema,
  vipsOf,
} from "../../../src/core/document/document.ts";
import { EPOCH_MAX } from "../../../src/core/limits.ts";
import { type Service, serviceKey } from "../../../src/core/service/service.ts";
import { sampleService } from "../../support/sample_service.ts";

function documentOf(services: readonly Service[]) {
  return {
    ...EMPTY_DOCUMENT,
    services: new Map(services.map((service) => [serviceKey(service), service])),
  };
}

describe("vipsOf", () => {
  test("names every address once, sorted, whatever the order of the services", () => {
    const services = [
      sampleService({ address: "192.0.2.9", port: 80 }),
      sampleService({ address: "192.0.2.241", port: 80 }),
      sampleService({ address: "192.0.2.9", port: 443 }),
      sampleService({ address: "192.0.2.9", port: 80, protocol: "udp" }),
      sampleService({ address: "2001:db8::1" }),
    ];
    const vips = ["192.0.2.241", "192.0.2.9", "2001:db8::1"];
    expect(vipsOf(documentOf(services))).toEqual(vips);
    expect(vipsOf(documentOf(services.toReversed()))).toEqual(vips);
  });

  test("of a document without services is empty", () => {
    expect(vipsOf(EMPTY_DOCUMENT)).toEqual([]);
  });
});

describe("schemas", () => {
  const accepts: [what: string, accepted: boolean, expected: boolean][] = [
    ["a node id", nodeIdSchema.safeParse("0123456789abcdef").success, true],
    ["a node id in capitals", nodeIdSchema.safeParse("0123456789ABCDEF").success, false],
    ["a short node id", nodeIdSchema.safeParse("0123").success, false],
    ["a name", nameSchema.safeParse("web-1.example_2").success, true],
    ["a name with a space", nameSchema.safeParse("web 1").success, false],
    ["a name with a line feed", nameSchema.safeParse("web\n").success, false],
    ["a name that looks like an option", nameSchema.safeParse("--help").success, false],
    ["an empty name", nameSchema.safeParse("").success, false],
    [
      "a move",
      moveSchema.safeParse({ vip: "10.0.0.1", to: "0123456789abcdef", fromEpoch: 0 }).success,
      true,
    ],
    [
      "a move from an epoch that cannot be",
      moveSchema.safeParse({ vip: "10.0.0.1", to: "0123456789abcdef", fromEpoch: EPOCH_MAX + 1 })
        .success,
      false,
    ],
    [
      "a move of a loopback address",
      moveSchema.safeParse({ vip: "127.0.0.1", to: "0123456789abcdef", fromEpoch: 0 }).success,
      false,
    ],
    ["a node entry", nodeEntrySchema.safeParse({ name: "n1", left: true }).success, true],
    [
      "a node entry with more",
      nodeEntrySchema.safeParse({ name: "n1", left: true, drained: true }).success,
      false,
    ],
  ];
  test.each(accepts)("%s", (_what, accepted, expected) => {
    expect(accepted).toBe(expected);
  });
});
