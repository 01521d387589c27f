/**
 * SMTP, IMAP, POP3, FTP and NNTP: the same failures in every phase of each.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { CheckOf } from "../../../src/core/check.ts";
import type { ProbeResult, ProbeTarget } from "../../../src/ports.ts";
import { LINE_BYTES_MAX, type TalkContext } from "../../../src/shell/probe/connection.ts";
import { probeFtp } from "../../../src/shell/probe/ftp.ts";
import { probeImap } from "../../../src/shell/probe/imap.ts";
import { probeNntp } from "../../../src/shell/probe/nntp.ts";
import { probePop3 } from "../../../src/shell/probe/pop3.ts";
import { probeSmtp } from "../../../src/shell/probe/smtp.ts";
import { certificates } from "../../support/certificates.ts";
import { speak } from "./line_server.ts";
import { closedPort, serve, targetAt } from "./scripted_server.ts";
import { talkContext } from "./talk_context.ts";

type Kind = "smtp" | "imap" | "pop3" | "ftp" | "nntp";
type Options = Partial<Pick<CheckOf<Kind>, "security" | "user" | "password" | "timeoutMs">>;

/** One step of a session: what is awaited, the command that asks for it, the answer, and a refusal. */
type Phase = readonly [what: string, command: string | undefined, answer: string, refusal: string];

interface Protocol {
  readonly kind: Kind;
  readonly probe: (
    target: ProbeTarget<CheckOf<never>>,
    context: TalkContext,
  ) => Promise<ProbeResult | null>;
  readonly name: string;
  readonly starttls: string;
  readonly phases: readonly Phase[];
}

const PASSWORD = "geh'eim";
const PLAIN = Buffer.from(`\0monitor\0${PASSWORD}`).toString("base64");
const OFFERS = "* CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN\r\n";

const protocols: readonly Protocol[] = [
  {
    kind: "smtp",
    probe: probeSmtp,
    name: "an SMTP reply",
    starttls: "STARTTLS",
    phases: [
      ["the greeting", undefined, "220-mail\r\n220 ready\r\n", "554 busy"],
      [
        "the answer to EHLO",
        "EHLO ",
        "250-mail\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN\r\n",
        "502 no",
      ],
      ["the login", `AUTH PLAIN ${PLAIN}`, "235 welcome\r\n", `535 not ${PLAIN} with ${PASSWORD}`],
      ["the answer to QUIT", "QUIT", "221 bye\r\n", "500 stay"],
    ],
  },
  {
    kind: "imap",
    probe: probeImap,
    name: "an IMAP reply",
    starttls: "t1 STARTTLS",
    phases: [
      ["the greeting", undefined, "* OK ready\r\n", "* BYE busy"],
      ["the capabilities", "t1 CAPABILITY", `${OFFERS}t1 OK done\r\n`, "t1 BAD what"],
      ["the login", "t2 AUTHENTICATE PLAIN", "+ \r\n", "t2 NO such method"],
      ["the login", PLAIN, "* 1 EXISTS\r\nt2 OK welcome\r\n", `t2 NO ${PASSWORD} is wrong`],
      ["the answer to LOGOUT", "t3 LOGOUT", "* BYE bye\r\nt3 OK done\r\n", "t3 BAD stay"],
    ],
  },
  {
    kind: "pop3",
    probe: probePop3,
    name: "a POP3 reply",
    starttls: "STLS",
    phases: [
      ["the greeting", undefined, "+OK ready\r\n", "-ERR busy"],
      ["the login's question", "USER monitor", "+OK\r\n", "-ERR who"],
      ["the login", `PASS ${PASSWORD}`, "+OK welcome\r\n", `-ERR ${PASSWORD} is wrong`],
      ["the answer to QUIT", "QUIT", "+OK bye\r\n", "-ERR stay"],
    ],
  },
  {
    kind: "ftp",
    probe: probeFtp,
    name: "an FTP reply",
    starttls: "AUTH TLS",
    phases: [
      ["the greeting", undefined, "220-files\r\n here\r\n220 ready\r\n", "421 busy"],
      ["the login's question", "USER monitor", "331 password?\r\n", "530 who"],
      ["the login", `PASS ${PASSWORD}`, "230 welcome\r\n", `530 ${PASSWORD} is wrong`],
      ["the answer to QUIT", "QUIT", "221 bye\r\n", "500 stay"],
    ],
  },
  {
    kind: "nntp",
    probe: probeNntp,
    name: "an NNTP reply",
    starttls: "STARTTLS",
    phases: [
      ["the greeting", undefined, "201 read only\r\n", "502 busy"],
      ["the login's question", "AUTHINFO USER monitor", "381 password?\r\n", "481 who"],
      ["the login", `AUTHINFO PASS ${PASSWORD}`, "281 welcome\r\n", `481 ${PASSWORD} is wrong`],
      ["the answer to QUIT", "QUIT", "205 bye\r\n", "500 stay"],
    ],
  },
];

/** Says in every phase what belongs there; `odd` says something else in one of them. */
function speaker(phases: readonly Phase[], odd?: { readonly phase: Phase; readonly says: string }) {
  return (command: string | undefined): string | undefined => {
    const phase = phases.find(([, expected]) =>
      expected === undefined ? command === undefined : command?.startsWith(expected)
    );
    return phase !== undefined && phase === odd?.phase ? odd.says : phase?.[2];
  };
}

async function ask(
  { kind, probe }: Protocol,
  port: number,
  { authority, ...options }: Options & { authority?: string } = {},
): Promise<ProbeResult | null> {
  const target = targetAt(port, {
    kind,
    user: "monitor",
    password: PASSWORD,
    timeoutMs: 5_000,
    warnDays: 0,
    serverName: "www.example.org",
    ...options,
  });
  return await probe(
    target as ProbeTarget<CheckOf<never>>,
    talkContext(authority === undefined ? {} : { authority }),
  );
}

for (const protocol of protocols) {
  describe(protocol.kind, () => {
    const { kind, phases, name } = protocol;

    test("is well when every answer is right, and takes leave", async () => {
      using server = await serve(speak(speaker(phases)));
      expect(await ask(protocol, server.port)).toMatchObject({
        ok: true,
        reason: expect.stringMatching(/^logged in in \d+ ms$/),
      });
      const commands = phases.slice(1).map(([, command]) => command!);
      const lines = server.received[0]!.split("\r\n");
      expect(lines.pop()).toBe("");
      expect(lines.map((line, index) => line.startsWith(commands[index]!))).toEqual(
        commands.map(() => true),
      );
    });

    test("logs in only when it is told to", async () => {
      const anonymous = phases.filter(([what]) => !what.includes("login"))
        .map((phase) => phase.map((text) => text?.replace("t3", "t2")) as unknown as Phase);
      using server = await serve(speak(speaker(anonymous)));
      expect(await ask(protocol, server.port, { user: null })).toMatchObject({
        ok: true,
        reason: expect.stringMatching(/^greeted in/),
      });
    });

    test.each(phases.map((phase) => [phase[0], phase] as const))(
      "stalled at %s",
      async (_, phase) => {
        using server = await serve(speak(speaker(phases, { phase, says: "" })));
        expect(await ask(protocol, server.port, { timeoutMs: 150 })).toMatchObject({
          ok: false,
          reason: `timed out after 150 ms while waiting for ${phase[0]}`,
        });
        while (server.open.size > 0) await Bun.sleep(1);
      },
    );

    test.each(phases.map((phase) => [phase[0], phase] as const))(
      "refuses at %s",
      async (_, phase) => {
        using server = await serve(speak(speaker(phases, { phase, says: `${phase[3]}\r\n` })));
        const { ok, reason } = (await ask(protocol, server.port))!;
        expect(ok).toBe(false);
        expect(reason).toMatch(new RegExp(`^${phase[0]}: ".+", want `));
        expect(reason).not.toContain(PASSWORD);
        expect(reason).not.toContain(PLAIN);
      },
    );

    test.each(phases.map((phase) => [phase[0], phase] as const))(
      "talks nonsense at %s",
      async (_, phase) => {
        using server = await serve(speak(speaker(phases, { phase, says: "~~\u0000~~\r\n" })));
        expect(await ask(protocol, server.port)).toMatchObject({
          ok: false,
          reason: `not ${name}: "~~?~~"`,
        });
      },
    );

    test.each(phases.map((phase) => [phase[0], phase] as const))(
      "floods at %s",
      async (_, phase) => {
        const says = "2".repeat(LINE_BYTES_MAX + 1);
        using server = await serve(speak(speaker(phases, { phase, says })));
        expect(await ask(protocol, server.port)).toMatchObject({
          ok: false,
          reason: `line longer than ${LINE_BYTES_MAX} bytes while waiting for ${phase[0]}`,
        });
      },
    );

    test("refused, reset and closed", async () => {
      expect((await ask(protocol, await closedPort()))?.reason).toBe("connection refused");
      using resetting = await serve((socket) => setTimeout(() => socket.resetAndDestroy(), 20));
      expect((await ask(protocol, resetting.port))?.reason).toBe(
        "connection reset while waiting for the greeting",
      );
      using closing = await serve((socket) => socket.end(phases[0]![2]));
      expect((await ask(protocol, closing.port))?.reason).toMatch(
        /^connection closed while waiting/,
      );
    });

    test("goes on over TLS when it is told to, and not without", async () => {
      const { authority, pairs } = await certificates();
      const answers = speaker(phases);
      const command = new RegExp(`^${protocol.starttls}$`);
      // IMAP numbers its commands: the rest comes one later.
      const behind = (text: string) =>
        text.replace(/\bt(\d)/g, (_, digit) => `t${Number(digit) - 1}`);
      const ahead = (text?: string) =>
        text?.replace(/\bt(\d) /g, (_, digit) => `t${Number(digit) + 1} `);
      const go =
        { smtp: "220 go", imap: "t1 OK go", pop3: "+OK go", ftp: "234 go", nntp: "382 go" }[kind];
      const script = speak((line) => {
        if (line === undefined) return answers(line);
        if (command.test(line)) return `${go}\r\n`;
        return kind === "imap" ? ahead(answers(behind(line))) : answers(line);
      }, { pair: pairs.good!, command });
      using server = await serve(script);
      expect(await ask(protocol, server.port, { security: "starttls", authority })).toMatchObject({
        ok: true,
        reason: expect.stringMatching(/^logged in in/),
      });
      expect(server.received.join()).not.toContain(PASSWORD);
      // The same, but this node does not trust the authority.
      expect((await ask(protocol, server.port, { security: "starttls" }))?.reason).toMatch(
        /not trust/,
      );
    });

    test("a server that cannot begin TLS is not talked to in the clear", async () => {
      using server = await serve(speak((line) => {
        if (line === undefined) return phases[0]![2];
        if (line.startsWith("EHLO")) return "250 mail\r\n";
        return {
          smtp: "",
          imap: "t1 BAD no\r\n",
          pop3: "-ERR no\r\n",
          ftp: "502 no\r\n",
          nntp: "580 no\r\n",
        }[kind];
      }));
      const result = await ask(protocol, server.port, { security: "starttls" });
      expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/TLS|STLS/) });
      expect(server.received.join()).not.toMatch(/monitor|AUTHENTICATE/);
    });

    test("no answer of a stranger makes it well or reject", async () => {
      const line = fc.string({ maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(fc.array(line, { maxLength: 4 }), async (lines) => {
          using server = await serve((socket) => socket.end(lines.join("\r\n")));
          expect((await ask(protocol, server.port, { user: null }))?.ok).toBe(false);
        }),
        { numRuns: 25 },
      );
    });
  });
}
