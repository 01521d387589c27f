/** The Neighbours port over a LAN of frames in lists: when it listens, to whom, and what it makes of answers. */
import { expect, test } from "bun:test";
import {
  encodeAnonymousSolicitation,
  encodeArpProbe,
  encodeGratuitousArp,
  encodeUnsolicitedAdvertisement,
  KernelRequestError,
  type Link,
} from "../../../ffi/mod.ts";
import { ipToBytes } from "../../../src/core/address.ts";
import { createNeighbours } from "../../../src/shell/kernel/neighbours.ts";

const OWN = Uint8Array.of(2, 0, 0, 0, 0, 1);
const OTHER = Uint8Array.of(2, 0, 0, 0, 0, 2);
const eth0: Link = {
  name: "eth0",
  index: 2,
  up: true,
  carrier: true,
  noNeighbours: false,
  mac: OWN,
};

interface Receiver {
  readonly kind: string;
  readonly index: number;
  readonly frames: Uint8Array[];
  closed: boolean;
  gone: boolean;
  looks: number;
}

/** A LAN: what was sent, and receivers tests put frames into. The clock stands until moved. */
function createLan(links: Link[] = [eth0]) {
  const sent: { readonly frame: Uint8Array; readonly index: number }[] = [];
  const receivers: Receiver[] = [];
  const answers: string[] = [];
  const clock = { nowMs: 0 };
  const neighbours = createNeighbours({
    route: { links: () => links },
    openSender: () => ({
      send: (frame, index) => void sent.push({ frame, index }),
      close: () => undefined,
    }),
    openReceiver: ({ kind, index }) => {
      const receiver: Receiver = { kind, index, frames: [], closed: false, gone: false, looks: 0 };
      receivers.push(receiver);
      return {
        receive() {
          receiver.looks++;
          if (receiver.gone) {
            throw new KernelRequestError({ operation: "listen", code: "ENETDOWN" });
          }
          return receiver.frames.splice(0);
        },
        close: () => {
          receiver.closed = true;
        },
      };
    },
    now: () => clock.nowMs,
  }, (vip, name, mac) => answers.push(`${vip} ${name} ${mac}`));
  return { neighbours, sent, receivers, answers, clock, links };
}

/** Waits until the port has looked into a receiver once more, or has closed it. */
async function nextLook(receiver: Receiver): Promise<void> {
  const before = receiver.looks;
  while (receiver.looks === before && !receiver.closed) await Bun.sleep(1);
}

const vip = "192.0.2.10";
const vip6 = "2001:db8::10";

test("announce sends gratuitous ARP twice for IPv4 and one advertisement for IPv6", () => {
  const { neighbours, sent } = createLan();
  neighbours.announce(vip, "eth0");
  neighbours.announce(vip6, "eth0");
  const frames = [
    ...encodeGratuitousArp(ipToBytes(vip), OWN),
    encodeUnsolicitedAdvertisement(ipToBytes(vip6), OWN),
  ];
  expect(sent).toEqual(frames.map((frame) => ({ frame, index: 2 })));
});

test("announce listens to nothing", () => {
  const { neighbours, receivers } = createLan();
  neighbours.announce(vip, "eth0");
  expect(receivers).toEqual([]);
});

test("ask sends an anonymous question and reports who answers", async () => {
  const { neighbours, sent, receivers, answers } = createLan();
  neighbours.ask(vip, "eth0");
  neighbours.ask(vip6, "eth0");
  expect(sent.map(({ frame }) => frame)).toEqual([
    encodeArpProbe(ipToBytes(vip), OWN),
    encodeAnonymousSolicitation(ipToBytes(vip6), OWN),
  ]);
  expect(receivers.map(({ kind, index }) => `${kind} ${index}`)).toEqual([
    "arp 2",
    "advertisement 2",
  ]);
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[1]!);
  receivers[1]!.frames.push(encodeUnsolicitedAdvertisement(ipToBytes(vip6), OTHER));
  neighbours.poll();
  expect(answers.sort()).toEqual([
    "192.0.2.10 eth0 02:00:00:00:00:02",
    "2001:db8::10 eth0 02:00:00:00:00:02",
  ]);
  neighbours.close();
});

test("poll reports at once what has arrived, before the timer looks", () => {
  const { neighbours, receivers, answers } = createLan();
  neighbours.poll();
  neighbours.ask(vip, "eth0");
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[1]!);
  neighbours.poll();
  expect(answers).toEqual(["192.0.2.10 eth0 02:00:00:00:00:02"]);
  neighbours.close();
});

test("ask takes a request from the VIP for an answer too: its sender says to have the address", async () => {
  const { neighbours, receivers, answers } = createLan();
  neighbours.ask(vip, "eth0");
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[0]!);
  await nextLook(receivers[0]!);
  expect(answers.length).toBe(1);
  neighbours.close();
});

test("ask reports neither this machine's own frames, nor other addresses, nor other people's probes, nor noise", async () => {
  const wlan0 = { ...eth0, name: "wlan0", index: 3, mac: Uint8Array.of(2, 0, 0, 0, 0, 9) };
  const { neighbours, receivers, answers } = createLan([eth0, wlan0]);
  neighbours.ask(vip, "eth0");
  const { frames } = receivers[0]!;
  frames.push(encodeGratuitousArp(ipToBytes(vip), OWN)[1]!);
  frames.push(encodeGratuitousArp(ipToBytes(vip), wlan0.mac)[1]!);
  frames.push(encodeGratuitousArp(ipToBytes("192.0.2.11"), OTHER)[1]!);
  frames.push(encodeArpProbe(ipToBytes(vip), OTHER));
  frames.push(Uint8Array.of(1, 2, 3));
  await nextLook(receivers[0]!);
  expect(frames).toEqual([]);
  expect(answers).toEqual([]);
  neighbours.close();
});

test("ask shares one receiver per interface and family, and keeps it, unread, for a while after the last question has aged", async () => {
  const { neighbours, receivers, clock } = createLan();
  neighbours.ask(vip, "eth0");
  clock.nowMs = 150;
  neighbours.ask("192.0.2.11", "eth0");
  expect(receivers.length).toBe(1);
  clock.nowMs = 300;
  await nextLook(receivers[0]!);
  expect(receivers[0]!.closed).toBe(false);
  clock.nowMs = 400;
  await nextLook(receivers[0]!);
  expect(receivers[0]!.closed).toBe(false);
  const { looks } = receivers[0]!;
  await Bun.sleep(20);
  expect(receivers[0]!.looks).toBe(looks);
  clock.nowMs = 4_000;
  await nextLook(receivers[0]!);
  expect(receivers[0]!.closed).toBe(true);
});

test("a kept receiver answers no question with what it heard before", async () => {
  const { neighbours, receivers, answers, clock } = createLan();
  neighbours.ask(vip, "eth0");
  clock.nowMs = 300;
  await nextLook(receivers[0]!);
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[1]!);
  neighbours.ask(vip, "eth0");
  neighbours.poll();
  expect([answers, receivers.length]).toEqual([[], 1]);
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[1]!);
  neighbours.poll();
  expect(answers).toHaveLength(1);
  neighbours.close();
});

test("an answered question is looked for no longer", async () => {
  const { neighbours, receivers, answers } = createLan();
  neighbours.ask(vip, "eth0");
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[1]!);
  await nextLook(receivers[0]!);
  expect(answers).toHaveLength(1);
  const { looks } = receivers[0]!;
  await Bun.sleep(30);
  expect(receivers[0]!.looks).toBe(looks);
  neighbours.close();
});

test("ask does not report an answer to a question that has aged", async () => {
  const { neighbours, receivers, answers, clock } = createLan();
  neighbours.ask(vip, "eth0");
  clock.nowMs = 150;
  neighbours.ask("192.0.2.11", "eth0");
  clock.nowMs = 300;
  await nextLook(receivers[0]!);
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes(vip), OTHER)[1]!);
  receivers[0]!.frames.push(encodeGratuitousArp(ipToBytes("192.0.2.11"), OTHER)[1]!);
  await nextLook(receivers[0]!);
  expect(answers).toEqual(["192.0.2.11 eth0 02:00:00:00:00:02"]);
  neighbours.close();
});

test("ask follows an interface that was made anew: another index, another receiver", () => {
  const { neighbours, sent, receivers, clock, links } = createLan();
  neighbours.ask(vip, "eth0");
  links[0] = { ...eth0, index: 7, mac: OTHER };
  clock.nowMs = 100;
  neighbours.ask(vip, "eth0");
  expect(receivers.map(({ index, closed }) => [index, closed])).toEqual([[2, true], [7, false]]);
  expect(sent[1]).toEqual({ frame: encodeArpProbe(ipToBytes(vip), OTHER), index: 7 });
  neighbours.close();
});

test("an interface that goes away while a question is open ends the question, not the program", async () => {
  const { neighbours, receivers } = createLan();
  neighbours.ask(vip, "eth0");
  receivers[0]!.gone = true;
  await nextLook(receivers[0]!);
  await Bun.sleep(10);
  expect(receivers[0]!.closed).toBe(true);
  neighbours.ask(vip, "eth0");
  expect(receivers.length).toBe(2);
  neighbours.close();
});

test("announce and ask do nothing where nobody listens, and name an interface that is not there", () => {
  const lo = { ...eth0, name: "lo", index: 1, noNeighbours: true };
  const { neighbours, sent, receivers } = createLan([lo]);
  neighbours.announce(vip, "lo");
  neighbours.ask(vip, "lo");
  expect([sent.length, receivers.length]).toEqual([0, 0]);
  expect(() => neighbours.announce(vip, "eth0")).toThrow("announce 192.0.2.10 on eth0: ENODEV");
  expect(() => neighbours.ask(vip, "eth0")).toThrow("ask for 192.0.2.10 on eth0: ENODEV");
});

test("close ends every question, and closing twice is fine", async () => {
  const { neighbours, receivers } = createLan();
  neighbours.ask(vip, "eth0");
  neighbours.ask(vip6, "eth0");
  neighbours.close();
  neighbours.close();
  expect(receivers.every(({ closed }) => closed)).toBe(true);
  const looks = receivers.map((receiver) => receiver.looks);
  await Bun.sleep(20);
  expect(receivers.map((receiver) => receiver.looks)).toEqual(looks);
});
