/**
 * Pulses in a process that does nothing else, until standard input ends: prints the longest gap, ms.
 */
import { startBeat } from "./pulse_beat.ts";

const beat = await startBeat();
console.log("beats");
await Bun.stdin.text();
console.log(beat.take().at(-1) ?? Infinity);
beat.stop();
process.exit();
