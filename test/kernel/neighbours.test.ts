/** ARP and neighbour discovery between two network namespaces: what arrives, what is answered, what is not learnt. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type Libraries, openRoute, type Route } from "../../ffi/mod.ts";
import type { Neighbours } from "../../src/ports.ts";
import { createNeighbours, neighbourTools } from "../../src/shell/kernel/neighbours.ts";
import {
  GUEST_TIMEOUT_MS,
  guestLibraries,
  INSIDE_MAC,
  layWire,
  OUTSIDE_MAC,
  run,
  until,
  type Wire,
} from "./guest.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

let libraries: Libraries;
let route: Route;
beforeAll(async () => {
  libraries = await guestLibraries();
  route = openRoute(libraries);
});
afterAll(() => route.close());

/** Answers as the listener gets them: `VIP interface MAC`. */
function open(): { neighbours: Neighbours; answers: string[] } & Disposable {
  const answers: string[] = [];
  const neighbours = createNeighbours(
    neighbourTools(libraries, route),
    (vip, name, mac) => answers.push(`${vip} ${name} ${mac}`),
  );
  return { neighbours, answers, [Symbol.dispose]: () => neighbours.close() };
}

const families = [
  { what: "IPv4", vip: "192.0.2.10", other: "192.0.2.11", length: 32 },
  { what: "IPv6", vip: "2001:db8::10", other: "2001:db8::11", length: 128 },
];

function giveThere(wire: Wire, { vip, length, to }: { vip: string; length: number; to: string }) {
  const nodad = length === 128 ? " nodad" : "";
  wire.there(`ip addr add ${vip}/${length} dev ${to}${nodad}`);
}

/** Asks until an answer comes; the first question may meet an interface that has just come up. */
function askUntilAnswered(
  { neighbours, answers }: { neighbours: Neighbours; answers: string[] },
  { vip, name }: { vip: string; name: string },
): Promise<string> {
  return until(`${vip} is answered for`, () => {
    neighbours.ask(vip, name);
    return answers[0];
  });
}

for (const { what, vip, other, length } of families) {
  test(`ask hears the holder of an ${what} VIP, which has it with arp_ignore and arp_announce as troop sets them`, async () => {
    using wire = layWire("ask");
    using port = open();
    wire.there(`sysctl -qw net.ipv4.conf.${wire.outside}.arp_ignore=1`);
    wire.there(`sysctl -qw net.ipv4.conf.${wire.outside}.arp_announce=2`);
    giveThere(wire, { vip, length, to: wire.outside });
    const answer = await askUntilAnswered(port, { vip, name: wire.inside });
    expect(answer).toBe(`${vip} ${wire.inside} ${OUTSIDE_MAC}`);
  });

  test(`ask hears nothing from a machine that has the ${what} VIP on lo only`, async () => {
    using wire = layWire("ask");
    using port = open();
    wire.there(`sysctl -qw net.ipv4.conf.${wire.outside}.arp_ignore=1`);
    wire.there("ip link set lo up");
    giveThere(wire, { vip, length, to: "lo" });
    giveThere(wire, { vip: other, length, to: wire.outside });
    // The answer for the other address, asked for afterwards, proves that silence is an answer.
    await until("the other address is answered for", () => {
      port.neighbours.ask(vip, wire.inside);
      port.neighbours.ask(other, wire.inside);
      return port.answers.length > 0 ? true : undefined;
    });
    expect(new Set(port.answers)).toEqual(new Set([`${other} ${wire.inside} ${OUTSIDE_MAC}`]));
  });

  test(`ask for an ${what} VIP teaches nobody where the asker is`, async () => {
    using wire = layWire("ask");
    using port = open();
    giveThere(wire, { vip, length, to: wire.outside });
    await askUntilAnswered(port, { vip, name: wire.inside });
    expect(wire.there("ip neigh show")).not.toContain(INSIDE_MAC);
  });

  test(`announce of an ${what} VIP moves it in a cache that knew it elsewhere`, async () => {
    using wire = layWire("tell");
    using port = open();
    // Linux keeps what it learnt less than a second ago (locktime, arp(7)).
    wire.there(`sysctl -qw net.ipv4.neigh.${wire.outside}.locktime=0`);
    wire.there(`ip neigh replace ${vip} lladdr 02:00:00:00:00:99 nud stale dev ${wire.outside}`);
    await until("the cache knows the new place", () => {
      port.neighbours.announce(vip, wire.inside);
      return wire.there(`ip neigh show ${vip}`).includes(INSIDE_MAC) ? true : undefined;
    });
  });

  test(`ask and announce of an ${what} VIP follow an interface that was made anew`, async () => {
    using wire = layWire("anew");
    using port = open();
    giveThere(wire, { vip, length, to: wire.outside });
    await askUntilAnswered(port, { vip, name: wire.inside });
    wire.renew();
    giveThere(wire, { vip, length, to: wire.outside });
    port.answers.length = 0;
    const answer = await until(`${vip} is answered for again`, () => {
      try {
        port.neighbours.announce(other, wire.inside);
        port.neighbours.ask(vip, wire.inside);
      } catch {
        // Just after, the list of links may still be the one from before.
      }
      return port.answers[0];
    });
    expect(answer).toBe(`${vip} ${wire.inside} ${OUTSIDE_MAC}`);
  });
}

test("announce sends gratuitous ARP as request and as reply, which tcpdump sees at the other end", async () => {
  using wire = layWire("dump");
  using port = open();
  const capture = wire.spawnThere([
    "tcpdump",
    "-l",
    "-n",
    "-e",
    "-i",
    wire.outside,
    "-c",
    "2",
    "arp",
  ]);
  let seen = "";
  const reading = (async () => {
    for await (const chunk of capture.stdout) seen += new TextDecoder().decode(chunk);
  })();
  try {
    await until("tcpdump has seen two frames", () => {
      port.neighbours.announce("192.0.2.10", wire.inside);
      return seen.split("\n").length > 2 ? true : undefined;
    });
  } finally {
    capture.kill();
    await reading;
  }
  expect(seen).toContain(`${INSIDE_MAC} > ff:ff:ff:ff:ff:ff`);
  expect(seen).toContain("Request who-has 192.0.2.10");
  expect(seen).toContain("tell 192.0.2.10");
  expect(seen).toContain(`Reply 192.0.2.10 is-at ${INSIDE_MAC}`);
});

test("ask does not report this machine's own answer on a second interface of the same LAN", async () => {
  using wire = layWire("self");
  using port = open();
  // Both ends here, and the VIP at one of them: this machine asks itself.
  wire.there(`ip link set ${wire.outside} netns ${process.pid}`);
  try {
    run(`ip link set ${wire.outside} up; ip addr add 192.0.2.10/32 dev ${wire.outside}`);
    run(`sysctl -qw net.ipv4.conf.${wire.outside}.arp_ignore=1`);
    const capture = Bun.spawn(
      ["tcpdump", "-l", "-n", "-i", wire.inside, "-c", "1", "arp[6:2] == 2"],
      { stdin: "ignore", stdout: "pipe", stderr: "ignore" },
    );
    let reply = "";
    const reading = (async () => {
      for await (const chunk of capture.stdout) reply += new TextDecoder().decode(chunk);
    })();
    await until("the answer was on the wire", () => {
      port.neighbours.ask("192.0.2.10", wire.inside);
      return reply === "" ? undefined : true;
    });
    capture.kill();
    await reading;
    // The reply may still wait in the socket: a later one from elsewhere would come behind it.
    await Bun.sleep(50);
    expect(reply).toContain("192.0.2.10 is-at");
    expect(port.answers).toEqual([]);
  } finally {
    run(`ip link del ${wire.inside}`);
  }
});

test("announce and ask on an interface that is not there name it", () => {
  using port = open();
  expect(() => port.neighbours.announce("192.0.2.10", "nosuch0")).toThrow(
    "announce 192.0.2.10 on nosuch0: ENODEV",
  );
  expect(() => port.neighbours.ask("192.0.2.10", "nosuch0")).toThrow(
    "ask for 192.0.2.10 on nosuch0: ENODEV",
  );
});

test("announce and ask on lo, where nobody is, do nothing", () => {
  using port = open();
  port.neighbours.announce("192.0.2.10", "lo");
  port.neighbours.ask("192.0.2.10", "lo");
  expect(port.answers).toEqual([]);
});
