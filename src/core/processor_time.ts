/**
 * How much of a machine's processors is free, from the kernel's counters (proc(5), /proc/stat).
 */

/** Time of all processors together since the machine started, in ticks. */
export interface ProcessorTime {
  readonly idle: number;
  readonly total: number;
}

/** How much a new measurement counts beside all earlier ones: at one a second, some five seconds are remembered. */
export const LOAD_SMOOTHING = 0.2;

/**
 * Reads the first line of /proc/stat: `cpu user nice system idle iowait irq softirq steal guest guest_nice`. Time spent
 * waiting for disks is free; time taken by a hypervisor (steal) is not. Undefined when it is not that line.
 */
export function parseProcessorTime(text: string): ProcessorTime | undefined {
  const [name, ...fields] = text.slice(0, text.indexOf("\n")).split(/ +/);
  // Time of guests is in user and nice already.
  const ticks = fields.slice(0, 8).map(Number);
  if (name !== "cpu" || ticks.length < 8 || ticks.some((tick) => !Number.isFinite(tick))) {
    return undefined;
  }
  const [, , , idle = 0, wait = 0] = ticks;
  return { idle: idle + wait, total: ticks.reduce((sum, tick) => sum + tick, 0) };
}

/** The free part between two looks, percent; null when no time has passed. */
export function freePart(before: ProcessorTime, after: ProcessorTime): number | null {
  const total = after.total - before.total;
  if (total <= 0) return null;
  return Math.max(0, Math.min(100, (after.idle - before.idle) * 100 / total));
}

/** Mixes a new measurement into what is known; null: nothing is. */
export function smoothed(known: number | null, measured: number): number {
  return known === null ? measured : known + LOAD_SMOOTHING * (measured - known);
}
