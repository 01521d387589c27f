/** What troop prints of a table with traffic is what ipvsadm prints of it: totals and rates, every option. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { type Ipvs, openIpvs } from "../../ffi/mod.ts";
import { type ListingKind, listingText, saveText } from "../../src/core/table/ipvsadm_text.ts";
import type { ObservedService } from "../../src/core/table/table.ts";
import type { Table } from "../../src/ports.ts";
import { createKernelTable } from "../../src/shell/kernel/kernel_table.ts";
import { GUEST_TIMEOUT_MS, guestLibraries, run, tryRun } from "./guest.ts";

setDefaultTimeout(GUEST_TIMEOUT_MS);
/** Looks at a table whose rates the kernel estimates anew every two seconds. */
const LOOKS_MAX = 50;

/** Every option of ipvsadm(8) that a row can have. */
const RULES = [
  "-A -t 192.0.2.120:80 -s wlc",
  "-a -t 192.0.2.120:80 -r 10.1.0.1:80 -g -w 1 -x 100 -y 10",
  "-a -t 192.0.2.120:80 -r 10.1.0.2:8080 -m -w 65535",
  "-A -t 192.0.2.120:0 -s lc -p 7200",
  "-A -u 192.0.2.120:5000 -s rr -o",
  "-a -u 192.0.2.120:5000 -r 192.0.2.120:5000 -g -w 1",
  "-A -u 192.0.2.120:5060 -s sh -p 300 -M 255.255.240.0 --pe sip -b sh-fallback,sh-port",
  "-a -u 192.0.2.120:5060 -r 10.1.0.3:5060 -i -w 1 --tun-type ipip",
  "-a -u 192.0.2.120:5060 -r 10.1.0.4:5060 -i -w 2 --tun-type gue --tun-port 6080 --tun-nocsum",
  "-a -u 192.0.2.120:5060 -r 10.1.0.5:5060 -i -w 3 --tun-type gue --tun-port 6080 --tun-csum",
  "-a -u 192.0.2.120:5060 -r 10.1.0.6:5060 -i -w 4 --tun-type gue --tun-port 6080 --tun-remcsum",
  "-a -u 192.0.2.120:5060 -r 10.1.0.7:5060 -i -w 5 --tun-type gre --tun-nocsum",
  "-a -u 192.0.2.120:5060 -r [2001:db8:1::1]:5060 -i -w 6 --tun-type gre --tun-csum",
  "-A --sctp-service 192.0.2.120:2905 -s mh -b mh-fallback,mh-port",
  "-A -t [2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535 -s wrr -p 60 -M 64",
  "-a -t [2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535 -r [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -g -w 0",
  "-A -f 7 -s rr -b flag-1,flag-2,flag-3",
  "-a -f 7 -r 10.1.0.1:0 -g -w 1",
  "-A -f 2147483647 -6 -s dh",
];

let ipvs: Ipvs;
let table: Table;
beforeAll(async () => {
  tryRun("modprobe ip_vs");
  run(`ipvsadm -C; ip addr add 192.0.2.120/32 dev lo`);
  ipvs = openIpvs(await guestLibraries());
  table = createKernelTable({ table: ipvs, daemons: ipvs, now: () => performance.now() });
  for (const rule of RULES) run(`ipvsadm ${rule}`);
});
afterAll(() => {
  run("ipvsadm -C; ip addr del 192.0.2.120/32 dev lo");
  ipvs.close();
});

/** The table from both, at a moment when nothing changed between the two looks. */
async function bothPrint(kind: ListingKind, option: string): Promise<[string, string]> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const before = run(`ipvsadm -Ln ${option}`);
    const rows = await table.list();
    if (run(`ipvsadm -Ln ${option}`) !== before) continue;
    return [listingText(rows, kind), before.slice(before.indexOf("\n") + 1)];
  }
  throw new Error(`ipvsadm -Ln ${option}: never the same twice in ${LOOKS_MAX} looks`);
}

test("a table that uses every option is saved by both alike, and it is all of it", async () => {
  const saved = saveText(await table.list());
  expect(saved).toBe(run("ipvsadm -Sn"));
  const wanted = RULES.map((rule) => rule.replace(" -x 100 -y 10", ""));
  expect(saved.trim().split("\n").sort()).toEqual(wanted.toSorted());
  expect((await table.list()).filter(({ altered }) => altered)).toEqual([]);
});

test("a table that uses every option is listed by both alike", async () => {
  const [ours, theirs] = await bothPrint("servers", "");
  expect(ours).toBe(theirs);
});

test("totals and rates are printed by both alike", async () => {
  const socket = createSocket("udp4");
  const timer = setInterval(() => socket.send("x".repeat(1_000), 5_000, "192.0.2.120"), 2);
  try {
    const rates = async () => {
      const row = (await table.list()).find((one): one is ObservedService =>
        one.protocol === "udp" && one.port === 5_000
      );
      return row!.traffic.rates.inBytesPerS;
    };
    for (let look = 0; await rates() === 0 && look < LOOKS_MAX; look++) await Bun.sleep(200);
    expect(await rates()).toBeGreaterThan(0);
  } finally {
    clearInterval(timer);
    socket.close();
  }
  const [totals, theirTotals] = await bothPrint("stats", "--stats");
  expect(totals).toBe(theirTotals);
  expect(totals).not.toMatch(/UDP +192\.0\.2\.120:5000 +0 /);
  const [rates, theirRates] = await bothPrint("rate", "--rate");
  expect(rates).toBe(theirRates);
  expect(rates).toMatch(/UDP +192\.0\.2\.120:5000 .*[1-9]/);
});
