/** The text form of checks. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Check,
  checkKinds,
  checkSchema,
  checkTexts,
  EXPECT_LENGTH_MAX,
  formatCheck,
  hideSecrets,
  parseCheck,
  readCheckText,
} from "../../../src/core/check.ts";
import { checkText } from "../../../src/core/check/kinds.ts";
import { anyCheck } from "./any_check.ts";

describe("parseCheck", () => {
  const right: [url: string, settings: string[], check: object][] = [
    ["http://:80/index.html", [], { kind: "http", port: 80, path: "/index.html" }],
    ["http://", [], { kind: "http", path: "/" }],
    ["http://www.example.org", [], { kind: "http", host: "www.example.org" }],
    ["https://www.example.org:8443/a?b=c", ["verify=off", "authority=/etc/ssl/own.pem"], {
      kind: "https",
      port: 8443,
      host: "www.example.org",
      path: "/a?b=c",
      verify: false,
      authority: "/etc/ssl/own.pem",
    }],
    ["http://:80/", ["expect=Test Page", "status=200-299,301", "method=HEAD", "header=X-A: b"], {
      kind: "http",
      port: 80,
      expect: "Test Page",
      status: [[200, 299], [301, 301]],
      method: "HEAD",
      headers: [{ name: "X-A", value: "b" }],
    }],
    ["http://", ["header=A:b=c", "header=D:"], {
      kind: "http",
      headers: [{ name: "A", value: "b=c" }, { name: "D", value: "" }],
    }],
    ["tcp://:3306", ["rise=2", "fall=4", "interval=2s", "fast-interval=200ms", "jitter=10%"], {
      kind: "tcp",
      port: 3306,
      rise: 2,
      fall: 4,
      intervalMs: 2_000,
      fastMs: 200,
      jitter: 10,
    }],
    ["tcp://:3306/", ["source=192.0.2.1", "device=eth0", "at=vip", "initial=up"], {
      kind: "tcp",
      port: 3306,
      source: "192.0.2.1",
      device: "eth0",
      at: "vip",
      initial: "up",
    }],
    ["tls://www.example.org", [], { kind: "tls", serverName: "www.example.org" }],
    ["chat://:6379", ["send=PING\\r\\n", "expect=+PONG", "send=QUIT", "expect-regex=^\\+OK"], {
      kind: "chat",
      port: 6379,
      steps: [
        { send: "PING\\r\\n" },
        { expect: "+PONG", regex: false },
        { send: "QUIT" },
        { expect: "^\\+OK", regex: true },
      ],
    }],
    ["udp://:123", ["send=\\x1b\\0", "expect=."], {
      kind: "udp",
      port: 123,
      send: "\\x1b\\0",
      expect: ".",
    }],
    ["dns://:53/www.example.org", ["type=A"], {
      kind: "dns",
      port: 53,
      name: "www.example.org",
      type: "A",
    }],
    ["dns://", [], { kind: "dns" }],
    ["imaps://:993", ["user=a", "password=b"], {
      kind: "imap",
      port: 993,
      security: "tls",
      user: "a",
      password: "b",
    }],
    ["ldap:///ou=My%20People,dc=example", [], { kind: "ldap", base: "ou=My People,dc=example" }],
    [
      "mariadb://:3306/shop",
      ["user=probe"],
      { kind: "mysql", port: 3306, database: "shop", user: "probe" },
    ],
    ["external:/usr/lib/x --fast 'two words'", ["arg=", "arg=c d", "dynamic=yes"], {
      kind: "external",
      command: ["/usr/lib/x", "--fast", "two words", "", "c d"],
      dynamic: true,
    }],
    ["external://:8080/usr/lib/x -v", [], {
      kind: "external",
      port: 8080,
      command: ["/usr/lib/x", "-v"],
    }],
    ["external:curl -f http://$3/", ["shell=on"], {
      kind: "external",
      command: ["curl -f http://$3/"],
      shell: true,
    }],
    ["file:/run/x", ["when=absent"], { kind: "file", path: "/run/x", when: "absent" }],
    ["file:///run/x", [], { kind: "file", path: "/run/x" }],
    ["none", [], { kind: "none" }],
    // Without a value: back to the standard.
    ["http://", ["rise=", "expect=", "header=A: b", "header="], { kind: "http" }],
  ];
  test.each(right)("reads %j with %j", (url, settings, check) => {
    expect(parseCheck(url, settings)).toEqual(checkSchema.parse(check));
  });

  const kinds = `write KIND://[HOST][:PORT][/PATH] or none; kinds are ${checkKinds.join(", ")}`;
  const notACheck = ["", "80", "gopher://:70/", "HTTP://:80/", "http:/:80/", "http://:800000/"];
  test.each([...notACheck, "http://:80:81/", "http://a?b=c", "none ", "none://", "toString://"])(
    "refuses %j and says what a check looks like",
    (url) => expect(parseCheck(url)).toBe(`"${url}" is not a check: ${kinds}`),
  );

  const refused: [url: string, settings: string[], words: string][] = [
    ["tcp://:80/path", [], '"tcp://:80/path": a tcp check has no path'],
    [
      "tcp://x:80",
      [],
      '"tcp://x:80": a tcp check has no host: it goes to every server of the service',
    ],
    ["ping://:80", [], '"ping://:80": a ping check has no port'],
    ["mysql://:3306/shop", [], "option user: must be told"],
    ["tcp://:80", ["expect=x"], "a tcp check has no option expect"],
    ["tcp://:80", ["expekt=x"], "there is no option expekt of a check"],
    ["tcp://:80", ["rise"], '"rise" is not OPTION=VALUE: write for example rise=2'],
    ["tcp://:80", ["rise=x"], 'option rise: "x" is not a whole number'],
    ["tcp://:80", ["rise=101"], "option rise: must be at most 100"],
    ["tcp://:80", ["rise=1", "rise=2"], "option rise is given twice"],
    [
      "tcp://:80",
      ["interval=5"],
      'option interval: "5" is not a time: write for example 500ms, 1s or 2m',
    ],
    ["tcp://:80", ["interval=99ms"], "option interval: must be at least 100ms"],
    ["tcp://:80", ["interval=2h"], "option interval: must be at most 1h"],
    ["tcp://:80", ["at=home"], "option at: must be one of server, vip"],
    ["tcp://:80", ["source=n1"], "option source: is not an IP address"],
    ["http://:0/", [], '"http://:0/": port: must be at least 1'],
    ["http://:65536/", [], '"http://:65536/": port: must be at most 65535'],
    [`http:///${"x".repeat(2_000)}`, [], "has more than 2000 characters"],
    ["http://:80/a b", [], '"http://:80/a b": path: has a space or control character'],
    // A control character would let the path split the request.
    ["http://:80/a\u0001", [], '"http://:80/a\u0001": path: has a space or control character'],
    ["http://a\r:80/", [], '"http://a\r:80/": host: has a space or control character'],
    [
      "http://",
      ["expect=("],
      'option expect: "(" is not a regular expression: missing closing ): `(`',
    ],
    [
      "http://",
      [`expect=${"x".repeat(EXPECT_LENGTH_MAX + 1)}`],
      "option expect: has more than 1000 characters",
    ],
    [
      "http://",
      ["status=2xx"],
      'option status: "2xx" is not a list of statuses: write for example 200-299,301',
    ],
    ["http://", ["status=299-200"], "option status: ends before it begins"],
    ["http://", ["header=X"], 'option header: "X" is not NAME: VALUE'],
    ["http://", ["header=X Y: z"], "option header: is not the name of a header"],
    ["https://", ["verify=maybe"], 'option verify: "maybe" is neither on nor off'],
    ["https://", ["key=own.pem"], "option key: is not an absolute path"],
    [
      "chat://",
      ["send=\\q"],
      'option send: "\\q" is no escape: write \\r \\n \\t \\0 \\\\ or \\xHH',
    ],
    ["chat://", [], "option send: must be told"],
    [
      "ldap:///100%",
      [],
      '"ldap:///100%": a % must be followed by two hexadecimal digits; write %25 for %',
    ],
    ["external:/x 'a", [], '"external:/x \'a": a quote is not closed'],
    ["radius://", [], "option secret: must be told"],
    ["radius://", ["secret="], "option secret: must not be empty"],
    ["file:/x", ["at=vip"], "a file check has no option at"],
    ["none", ["rise=2"], "a none check has no option rise"],
  ];
  test.each(refused)("refuses %j with %j in words", (url, settings, words) => {
    expect(parseCheck(url, settings)).toBeTypeOf("string");
    expect(parseCheck(url, settings)).toEndWith(words);
  });

  test("never throws, and what it takes fits the schema", () => {
    const part = fc.constantFrom("http://", "tcp://", "external:", "/a", ":80", "x", " ", "'", "%");
    const text = fc.oneof(fc.string(), fc.array(part).map((parts) => parts.join("")));
    fc.assert(fc.property(text, fc.array(fc.string(), { maxLength: 2 }), (url, settings) => {
      const check = parseCheck(url, settings);
      if (typeof check !== "string") expect(checkSchema.parse(check)).toEqual(check);
    }));
  });
});

describe("readCheckText without a URL", () => {
  test.each<[string[], object | string]>([
    [["rise=3"], { rise: 3 }],
    [["fast-interval="], { fastMs: null }],
    [["send=x"], { send: "x" }],
    [["arg=x"], "option arg needs the URL of its check beside it"],
    [["expect-regex=x"], "option expect-regex needs the URL of its check beside it"],
  ])("%j", (settings, expected) => {
    expect<unknown>(readCheckText(undefined, settings)).toEqual(expected);
  });
});

/** For each of two dozen kinds: enough together, and done in a second or two. */
const RUNS = { numRuns: 25 };

describe("a check of any kind", () => {
  test.each([...checkKinds])("%s is read back as it was written", (kind) => {
    fc.assert(
      fc.property(anyCheck(kind), (check) => {
        const { url, settings } = checkTexts(check);
        expect(parseCheck(url, settings)).toEqual(check);
      }),
      RUNS,
    );
  });

  test.each([...checkKinds])("the example of %s is right", (kind) => {
    const [url, ...settings] = checkText(kind).example;
    expect(parseCheck(url, settings)).toMatchObject({ kind });
  });

  test.each([...checkKinds])("%s shows no secret", (kind) => {
    fc.assert(
      fc.property(anyCheck(kind, "s3cr3t!"), (check) => {
        expect(formatCheck(check)).not.toContain("s3cr3t!");
        expect(JSON.stringify(hideSecrets(check))).not.toContain("s3cr3t!");
      }),
      RUNS,
    );
  });
});

test.each<[string, string[], string]>([
  ["none", [], "none"],
  ["tcp://", [], "tcp://"],
  ["http://:80", ["expect=Test Page"], "http://:80/ expect='Test Page'"],
  ["http://", ["header=Authorization: Basic eA=="], "http:/// header='Authorization: ***'"],
  ["redis://:6379", ["password=x", "rise=1"], "redis://:6379 password='***'"],
  ["external:/x 'a b'", ["port=1"], "'external:/x '\\''a b'\\''' port=1"],
])("%j with %j is shown as %j", (url, settings, shown) => {
  expect(formatCheck(parseCheck(url, settings) as Check)).toBe(shown);
});
