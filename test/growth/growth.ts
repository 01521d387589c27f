/**
 * What is known of a cluster of so many nodes, and how it grows.
 */

/** Per node and second unless it says otherwise; what was not measured is left out. */
export interface Growth {
  readonly nodes: number;
  readonly kind: "real" | "simulated";
  /** Pulses sent by the holder, and by each of the others. */
  readonly holderPulsesOut: number;
  readonly otherPulsesOut: number;
  /** Bytes of pulses and of gossip on the wire, with all headers; as many go out as come in, over all nodes. */
  readonly pulseBytes: number;
  readonly gossipBytes?: number;
  /** Records of other nodes heard, each once. */
  readonly records: number;
  /** Pulses and records that came in. */
  readonly messages: number;
  /** Share of one processor, percent. */
  readonly holderProcessor?: number;
  readonly otherProcessor?: number;
  /** Memory of the process that is n1 alone, MB. */
  readonly memoryMb?: number;
  /** Time until an edit is known to everybody, ms: median and longest. */
  readonly editMs?: number;
  readonly editMaxMs?: number;
  /** Exchanges of the document begun per node and edit. */
  readonly exchangesPerEdit?: number;
  /** Processor time of an edit and of all that follows from it, per node, ms. */
  readonly editProcessorMs?: number;
  /** Time from the silence of the holder's machine until the successor's log tells its death, and that it has the VIP, ms. */
  readonly detectMs?: number;
  readonly takeoverMs?: number;
}

/** A figure of {@link Growth}. */
export type Figure = Exclude<keyof Growth, "kind">;

/**
 * The exponent with which a figure grows: the slope of a straight line through the logarithms, by least squares.
 * Null when there are not two sizes of at least `fromNodes` with it.
 */
export function exponentOf(
  rows: readonly Growth[],
  figure: Figure,
  fromNodes: number,
): number | null {
  const points = rows.flatMap((row) => {
    const value = row[figure];
    if (value === undefined || !(value > 0) || row.nodes < fromNodes) return [];
    return [{ x: Math.log(row.nodes), y: Math.log(value) }];
  });
  if (points.length < 2) return null;
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const x0 = mean(points.map(({ x }) => x));
  const y0 = mean(points.map(({ y }) => y));
  const above = points.reduce((sum, { x, y }) => sum + (x - x0) * (y - y0), 0);
  const below = points.reduce((sum, { x }) => sum + (x - x0) ** 2, 0);
  return above / below;
}
