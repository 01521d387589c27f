/**
 * How the health lane takes the end and the restart of a real daemon, off the real kernel's sockets. Runs in any
 * namespace, without privileges. The daemons are Perl's: it gives a socket to its children as daemons in C do.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { HealthLane } from "../../src/agent/health_lane.ts";
import { kernelTroubles } from "../../src/agent/kernel_troubles.ts";
import { LISTENERS_MS, TICK_MS } from "../../src/core/timing.ts";
import { type Fact, step } from "../../src/core/step.ts";
import { type InetDiag, openInetDiag } from "../../ffi/mod.ts";
import { createListenerWatch } from "../../src/shell/kernel/listener_watch.ts";
import { keptLog } from "../support/fake_memory.ts";
import { modelNode, NOW, service, viewOf } from "../support/cluster_views.ts";
import { GUEST_TIMEOUT_MS, guestLibraries } from "./guest.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);

/** What a crash may take until it is known: the README promises it. */
const REACTION_MS_MAX = 100;
/** Looks at a daemon that restarts again and again. */
const LOOKS = 60;

/** Listens, says on which port, and dies with its standard input. */
const LISTEN = `use IO::Socket::INET; $| = 1;
my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "0.0.0.0", LocalPort => $ARGV[0] || 0,
  Proto => "tcp", ReuseAddr => 1, ReusePort => 1) or die "listen: $!";
print $s->sockport, "\\n";`;
const DAEMON = `${LISTEN} <STDIN>;`;
/** A master that keeps the socket while its workers come and go, fifty a second. */
const RESTARTING = `${LISTEN} my $master = $$;
while (1) {
  my $pid = fork;
  if (!$pid) { select undef, undef, undef, 0.05 while getppid == $master; exit }
  select undef, undef, undef, 0.02; kill 9, $pid; waitpid $pid, 0
}`;

let diag: InetDiag;
beforeAll(async () => {
  diag = openInetDiag(await guestLibraries());
});
afterAll(() => diag.close());

async function daemon(program: string, port = 0) {
  const child = Bun.spawn(["perl", "-e", program, String(port)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  for await (const chunk of child.stdout) {
    return {
      port: Number(new TextDecoder().decode(chunk)),
      kill: async () => {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  }
  throw new Error("the daemon has ended");
}

/** A node that serves this port, and the moments at which its lane told of missing sockets, on the loop's clock. */
function laneAt(port: number) {
  const state = viewOf([modelNode(1)], 1, { services: [service({ port })] });
  const told: string[][] = [];
  const lane = new HealthLane({
    pause: () => Promise.resolve(),
    clock: { now: () => NOW, wallMs: () => 0 },
    prober: { setTargets: () => {}, close: () => {} },
    listeners: createListenerWatch(diag),
    troubles: kernelTroubles(keptLog()),
    tell: (fact: Fact) => {
      if (fact.kind === "listeners") told.push([...fact.deaf.values()]);
      step(state, fact, NOW);
    },
  });
  let now = NOW;
  const tick = (): readonly string[] => {
    lane.watch(state, now);
    now += TICK_MS;
    return [...state.deaf.values()];
  };
  return { tick, told };
}

test("a crashed daemon is missed in the next tick of the loop, well within what is promised", async () => {
  const victim = await daemon(DAEMON);
  try {
    const { tick } = laneAt(victim.port);
    expect(tick()).toEqual([]);
    await victim.kill();
    expect(tick()).toEqual([`nothing listens on tcp port ${victim.port}`]);
  } finally {
    await victim.kill();
  }
  // Every tick looks, and the table follows in the same one.
  expect(LISTENERS_MS).toBeLessThanOrEqual(TICK_MS);
  expect(2 * TICK_MS).toBeLessThan(REACTION_MS_MAX);
});

test("workers that are restarted under one socket are never missed", async () => {
  const master = await daemon(RESTARTING);
  try {
    const { tick, told } = laneAt(master.port);
    for (let look = 0; look < LOOKS; look++) {
      expect(tick()).toEqual([]);
      await Bun.sleep(7);
    }
    expect(told.flat()).toEqual([]);
    await master.kill();
  } finally {
    await master.kill();
  }
});

test("a successor that listens before the old one ends is never missed", async () => {
  let serving = await daemon(DAEMON);
  const { tick } = laneAt(serving.port);
  try {
    for (let restart = 0; restart < 3; restart++) {
      const successor = await daemon(DAEMON, serving.port);
      expect(tick()).toEqual([]);
      await serving.kill();
      serving = successor;
      expect(tick()).toEqual([]);
    }
  } finally {
    await serving.kill();
  }
});
