/**
 * `./task fuzz [SECONDS] [--seed N] [--only NAME] [--input HEX]`: fuzzes every decoder and prints a table; ends with 1
 * when there is a finding.
 */
import type { Decoder } from "./decoder.ts";
import { documentFileDecoders } from "./document_files.ts";
import { openEndpointDecoders } from "./endpoints.ts";
import { fuzz, type FuzzResult, tryInput } from "./fuzz.ts";
import { kernelDecoders } from "./kernel.ts";
import { openProbeDecoders } from "./probes.ts";
import { stateDecoders } from "./states.ts";
import { streamDecoders } from "./streams.ts";
import { textDecoders } from "./texts.ts";
import { wireDecoders } from "./wire.ts";

/** Time for all decoders together by default, s. */
const SECONDS = 120;
/** Inputs longer than this are not printed whole but kept in a file. */
const HEX_CHARS_MAX = 4_000;

const columns = ["decoder", "inputs", "outcomes", "inputs/s", "worst"] as const;

function row(name: string, ...cells: readonly (string | number)[]): string {
  return name.padEnd(36) + cells.map((cell) => String(cell).padStart(11)).join("");
}

function resultRow({ name, inputs, outcomes, perSecond, worstMs }: FuzzResult): string {
  return row(name, inputs, outcomes, Math.round(perSecond), `${worstMs.toFixed(1)} ms`);
}

function option(words: readonly string[], name: string): string | undefined {
  const at = words.indexOf(name);
  return at < 0 ? undefined : words[at + 1];
}

async function repeatInput(decoders: readonly Decoder[], text: string): Promise<boolean> {
  const bytes = text.startsWith("@")
    ? await Bun.file(text.slice(1)).bytes()
    : new Uint8Array(Buffer.from(text, "hex"));
  let good = true;
  for (const decoder of decoders) {
    const { outcome, problem, ms } = await tryInput(decoder, bytes);
    console.log(
      `${decoder.name}: ${problem ?? "as it should be"}; ${outcome} in ${ms.toFixed(1)} ms`,
    );
    good &&= problem === null;
  }
  return good;
}

async function tell({ name, finding }: FuzzResult): Promise<void> {
  if (finding === null) return;
  const hex = Buffer.from(finding.input).toString("hex");
  let input = hex;
  if (hex.length > HEX_CHARS_MAX) {
    const file = `.cache/fuzz-${name.replaceAll(/[^a-z0-9]+/gi, "-")}.bin`;
    await Bun.write(file, finding.input);
    input = `@${file}`;
  }
  console.log(`\n${name}: ${finding.problem}`);
  console.log(`again: ./task fuzz --only '${name}' --input ${input}\n`);
}

async function main(words: readonly string[]): Promise<boolean> {
  const probes = await openProbeDecoders();
  const endpoints = await openEndpointDecoders();
  try {
    const all = [
      ...wireDecoders,
      ...kernelDecoders,
      ...textDecoders,
      ...stateDecoders,
      ...documentFileDecoders,
      ...streamDecoders,
      ...probes.decoders,
      ...endpoints.decoders,
    ];
    const only = option(words, "--only");
    const decoders = all.filter(({ name }) => only === undefined || name.includes(only));
    const input = option(words, "--input");
    if (input !== undefined) return await repeatInput(decoders, input);
    const seconds = /^\d+$/.test(words[0] ?? "") ? Number(words[0]) : SECONDS;
    const seed = Number(option(words, "--seed") ?? Date.now() % 1_000_000);
    console.log(`seed ${seed}; feedback: new kinds of outcome, as the runtime tells no coverage`);
    console.log(row(columns[0], ...columns.slice(1)));
    const results: FuzzResult[] = [];
    for (const decoder of decoders) {
      const limits = { inputs: Infinity, ms: (seconds * 1_000) / decoders.length };
      const result = await fuzz(decoder, { seed, limits });
      results.push(result);
      console.log(resultRow(result));
      await tell(result);
    }
    const sum = (of: (result: FuzzResult) => number) => results.reduce((s, one) => s + of(one), 0);
    const findings = sum(({ finding }) => finding === null && astray === 0 ? 0 : 1);
    console.log(row("all", sum((one) => one.inputs), sum((one) => one.outcomes)));
    console.log(`${findings} findings`);
    return findings === 0;
  } finally {
    probes.close();
    await endpoints.close();
  }
}

/** Errors that went past the decoder to nobody. */
let astray = 0;
process.on("uncaughtException", (error) => {
  if (astray++ < 10) console.log(`an error that nobody takes: ${String(error)}`);
});

process.exit(await main(process.argv.slice(2)) ? 0 : 1);
