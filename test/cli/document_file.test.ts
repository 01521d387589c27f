/** The document as a file: nothing is lost on the way to YAML and back, and what is wrong in it is told with its place. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { readYaml, writeYaml } from "../../src/cli/document_yaml.ts";
import { type ClusterDocument, EMPTY_DOCUMENT } from "../../src/core/document/document.ts";
import { differences, editsOf } from "../../src/core/document/difference.ts";
import { nodeNames } from "../../src/core/file/names.ts";
import { readDocument } from "../../src/core/file/read.ts";
import { sections, writeDocument } from "../../src/core/file/write.ts";
import { anyDocument, NODES, WALL_MS } from "../support/arbitrary_document.ts";
import { idOf } from "../support/cluster_views.ts";

// A document with every kind of check is much to make on a busy machine.
setDefaultTimeout(30_000);

const names = nodeNames(NODES.slice(0, 2).map((index) => ({ id: idOf(index), name: `n${index}` })));

function textOf(document: ClusterDocument, secrets = true): string {
  return writeYaml(["a comment"], writeDocument(document, { names, secrets, wallMs: WALL_MS }));
}

function read(text: string, current: ClusterDocument = EMPTY_DOCUMENT) {
  const root = readYaml(text);
  if (!("kind" in root)) return { mistakes: root };
  return readDocument(root, { current, names, wallMs: WALL_MS });
}

/** The mistakes as an operator sees them. */
function mistakes(text: string, current?: ClusterDocument): string[] {
  return read(text, current).mistakes.map(({ at, text }) => `${at.line}:${at.column} ${text}`);
}

describe("export and apply", () => {
  test("give an empty cluster the same document, whatever is in it", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const text = textOf(document);
        const content = read(text);
        expect({ text, mistakes: content.mistakes }).toEqual({ text, mistakes: [] });
        if (!("services" in content)) throw new Error("no content");
        const { settings, vips, services, servers, drains } = content;
        const { settings: _, ...rest } = document;
        expect({ vips, services, servers, drains }).toEqual({
          vips: rest.vips,
          services: rest.services,
          servers: rest.servers,
          drains: rest.drains,
        } as never);
        expect([...settings].sort()).toEqual([...document.settings].sort());
        // The same text once more: the order is stable.
        expect(textOf({ ...EMPTY_DOCUMENT, settings, vips, services, servers, drains })).toBe(text);
      }),
      { numRuns: 60 },
    );
  });

  test("without secrets change nothing on the cluster they come from", () => {
    fc.assert(
      fc.property(anyDocument, (document) => {
        const content = read(textOf(document, false), document);
        expect(content.mistakes).toEqual([]);
        if (!("services" in content)) throw new Error("no content");
        const { services, servers, vips, settings, drains, present } = content;
        expect([...present]).toEqual([...sections]);
        const after = { services, servers, vips, settings, drains };
        const options = { sections: present, wallMs: WALL_MS };
        const changes = differences(document, after, options);
        expect(editsOf(changes, WALL_MS)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a file with mistakes", () => {
  test("tells all of them at once, with line and column", () => {
    const text = `troop: 1
settings:
  tcp-timeout: soon
  tcp-time: 5
services:
  192.0.2.100:80:
    scheduler: best
    wieght: 3
    check: http://:80/
    check-set:
      - rise=2
      - fall=0
    servers:
      192.0.2.21: { weight: 70000 }
      n9: {}
  192.0.2.100:80/tcp:
    forward: dr
  192.0.2.100: {}
  fwmark:1:
    ports: [80]
vips:
  192.0.2.100:
    prefer: [n1, n7, n1]
drain: []
`;
    expect(mistakes(text)).toEqual([
      '3:16 tcp-timeout: "soon" is not accepted: it takes 1 to 2147483, kernel',
      expect.stringMatching(/^4:3 there is no setting "tcp-time": there are .*tcp-timeout, /),
      expect.stringMatching(/^7:16 scheduler: "best" is not known: use one of rr, wrr, /),
      expect.stringMatching(/^8:5 a service has no "wieght": it can have scheduler, /),
      "12:9 check: option fall: must be at least 1",
      '14:29 weight: "70000" is not a number from 0 to 65535',
      '15:7 the cluster has no node "n9"; it has n1, n2',
      expect.stringMatching(/^18:3 "192.0.2.100" is not VIP:PORT: /),
      "19:3 vips: a mark says nothing about where its packets arrive: name them",
      '20:13 ports: "80" is not PROTOCOL/PORT: write for example tcp/80',
      '23:18 prefer: the cluster has no node "n7"; it has n1, n2',
      '23:22 prefer: "n1" is named twice',
      '24:1 there is no section "drain": there are settings, vips, services, drains',
    ]);
  });

  test.each([
    ["a: [", /^1:5 /],
    ["- troop", /^1:1 the file must be a map/],
    ["services: {}", /^1:1 the first line must be `troop: 1`/],
    ["troop: 2", /^1:8 this version of troop knows format 1, not "2"/],
    ["troop: 1\nvips: &a {}\nservices: *a", /^3:11 this file takes no anchors and aliases/],
    ["troop: 1\nvips:\n  192.0.2.1: {}\n  192.0.2.1: {}", /^4:3 Map keys must be unique/],
    [
      "troop: 1\nservices:\n  192.0.2.1:80: {}\n  192.0.2.1:80/tcp: {}",
      /^4:3 it stands there already, in line 3/,
    ],
    ["troop: 1\nvips:\n  192.0.2.1:\n    label:", /label: has no value/],
    [
      "troop: 1\nservices:\n  192.0.2.1:80: { check: 'redis://', check-set: ['password=***'] }",
      /3:50 check: option password: there is no secret here/,
    ],
    [
      "troop: 1\ndrains:\n  - { server: n1, service: '192.0.2.1:80' }",
      /3:5 there is no service tcp\/192.0.2.1:80/,
    ],
    [
      "troop: 1\ndrains:\n  - { server: n1, until: 2020-01-01T00:00Z }",
      /3:5 until: its end has passed/,
    ],
  ])("%j", (text, expected) => {
    const [first, ...rest] = mistakes(text);
    expect(first).toMatch(expected);
    expect(rest).toEqual([]);
  });
});

test("a file reads as the command line is typed", () => {
  const content = read(`troop: 1
vips:
  192.0.2.100: { group: front, prefer: [n2, n1], failback: 5m, label: 1 }
services:
  192.0.2.100:80:
    persistent: 5m
    check: http://:80/index.html
    check-set: [expect=Test Page]
    servers:
      192.0.2.21: { weight: 2 }
      n1: { weight: 0 }
`);
  if (!("services" in content)) throw new Error("no content");
  expect(content.mistakes).toEqual([]);
  expect(content.vips.get("192.0.2.100")).toMatchObject({
    prefer: [idOf(2), idOf(1)],
    failbackS: 300,
    label: "1",
  });
  expect(content.services.get("tcp/192.0.2.100:80")).toMatchObject({
    scheduler: "wlc",
    forwarding: "dr",
    persistence: { timeoutS: 300, prefixLength: null, engine: null },
    check: { kind: "http", path: "/index.html", expect: "Test Page" },
  });
  expect([...content.servers.get("tcp/192.0.2.100:80")?.keys() ?? []]).toEqual([
    "tcp/192.0.2.100:80|192.0.2.21:80",
    `tcp/192.0.2.100:80|${idOf(1)}`,
  ]);
});
