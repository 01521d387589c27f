/** A short, seeded run of the fuzzer over every decoder; `./task fuzz` is the long one. Findings of it stay here. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { stateFiles } from "../../src/shell/files/state_files.ts";
import { type Decoder, textDecoder } from "./decoder.ts";
import { documentFileDecoders } from "./document_files.ts";
import { openEndpointDecoders } from "./endpoints.ts";
import { fuzz, tryInput } from "./fuzz.ts";
import { kernelDecoders } from "./kernel.ts";
import { openProbeDecoders } from "./probes.ts";
import { stateDecoders } from "./states.ts";
import { streamDecoders } from "./streams.ts";
import { textDecoders } from "./texts.ts";
import { wireDecoders } from "./wire.ts";

setDefaultTimeout(60_000);

const SEED = 1;
/** Time for one decoder at most, ms; there are some seventy. */
const MS = 250;
/** Inputs for one decoder at most. */
const INPUTS = 1_000;

let probes: Awaited<ReturnType<typeof openProbeDecoders>>;
let endpoints: Awaited<ReturnType<typeof openEndpointDecoders>>;
beforeAll(async () => {
  probes = await openProbeDecoders();
  endpoints = await openEndpointDecoders();
});
afterAll(async () => {
  probes.close();
  await endpoints.close();
});

test("every decoder gives a result or an error it is known for, soon and not too large", async () => {
  const decoders = [
    ...wireDecoders,
    ...kernelDecoders,
    ...textDecoders,
    ...stateDecoders,
    ...documentFileDecoders,
    ...streamDecoders,
    ...probes.decoders,
    ...endpoints.decoders,
  ];
  let inputs = 0;
  for (const decoder of decoders) {
    // Time is judged by the long run, on a machine that does nothing else.
    const patient = { ...decoder, msMax: 10 * (decoder.msMax ?? 200) };
    const result = await fuzz(patient, { seed: SEED, limits: { inputs: INPUTS, ms: MS } });
    inputs += result.inputs;
    const { finding } = result;
    const hex = finding === null ? "" : Buffer.from(finding.input).toString("hex");
    expect(
      finding === null
        ? null
        : `${finding.problem}; again: ./task fuzz --only '${decoder.name}' --input ${hex}`,
    ).toBeNull();
    expect(result.inputs).toBeGreaterThan(0);
  }
  console.log(`${inputs} inputs for ${decoders.length} decoders`);
});

test("every file of the state folder is among them", () => {
  const names = [...stateDecoders, ...documentFileDecoders].map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(Object.keys(stateFiles).map((name) => `state/${name}`)),
  );
});

describe("the fuzzer", () => {
  const options = { seed: 1, limits: { inputs: 20_000, ms: 20_000 } };

  test("finds an error nobody expects, behind a condition it has to learn", async () => {
    const decoder = textDecoder("planted", ["abc=1;"], (text) => {
      const [, key = "", value = ""] = /^(\w+)=(\w*)/.exec(text) ?? [];
      if (key === "abc" && value.length > 5 && value.includes("0")) throw new Error("planted");
      return { key: key.length, value: value.length };
    });
    const { finding } = await fuzz(decoder, options);
    expect(finding?.problem).toBe("threw Error: planted");
    const again = await tryInput(decoder, finding!.input);
    expect(again.problem).toBe("threw Error: planted");
  });

  test("finds what takes too long, and what makes too much of too little", async () => {
    const slow: Decoder = {
      name: "slow",
      seeds: [Uint8Array.of(1)],
      bytesMax: 64,
      msMax: 5,
      run(bytes) {
        const endMs = performance.now() + (bytes[0] === 0xff ? 10 : 0);
        while (performance.now() < endMs);
      },
    };
    expect((await fuzz(slow, options)).finding?.problem).toMatch(/^took \d+ ms, at most 5/);
    const large = { ...slow, run: (bytes: Uint8Array) => new Uint8Array(bytes.length * 100_000) };
    expect((await fuzz(large, options)).finding?.problem).toMatch(/^made \d+ bytes of \d+$/);
  });
});

describe("found by it", () => {
  const ofProbe = (name: string) => probes.decoders.find((decoder) => decoder.name === name)!;

  // ldapts asked for ever for what was not there: the agent hung, and its memory grew.
  test("an LDAP answer that breaks off inside fails the check and nothing else", async () => {
    const inputs = [
      "300c02010161070a010004000402" + "0d070a019f2dfebf00040004002c5b00" + "61070a0100040004" +
      "00",
      "300c0201016407040073050405aa",
      "301002010164840000000304017830843fffffff",
    ];
    for (const input of inputs) {
      const { problem, outcome } = await tryInput(
        ofProbe("probe ldap"),
        new Uint8Array(Buffer.from(input, "hex")),
      );
      expect(problem).toBeNull();
      expect(outcome).toContain("ok:false");
    }
  });

  // Bun told the error of a stream that nobody had opened to nobody, which was a fault of the whole program.
  test("gRPC headers on a stream that nobody opened fail the check and nothing else", async () => {
    const inputs = ["000000010004000400000000000000000401000000000100000000"];
    for (const input of [...inputs, ...inputs]) {
      const bytes = new Uint8Array(Buffer.from(input, "hex"));
      const { problem, outcome } = await tryInput(ofProbe("probe grpc"), bytes);
      expect(problem).toBeNull();
      expect(outcome).toContain("ok:false");
    }
    await Bun.sleep(20);
  });

  test("text far too long to name a server is refused at once", async () => {
    const decoder = textDecoders.find(({ name }) => name.startsWith("service"))!;
    const text = `[::9\ufffd${"\0\0:0/sctp\ufffd".repeat(1_000)}`;
    expect((await tryInput(decoder, new TextEncoder().encode(text))).problem).toBeNull();
  });

  // What was behind each mark was summed up to the end of the file, however short that end was.
  test("a journal full of heads of records is read in one turn", async () => {
    const decoder = wireDecoders.find(({ name }) => name === "journal")!;
    const [journal] = decoder.seeds;
    const mark = Buffer.from(journal!.subarray(4, 8)).toString("latin1");
    const input = Buffer.from(`TRJ2${mark.repeat(10_000)}`, "latin1");
    expect((await tryInput(decoder, input)).problem).toBeNull();
  });
});
