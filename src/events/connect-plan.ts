// How the next connection introduces itself: the version of MQTT, and the will, in a form that the broker takes.
import type { BrokerFailure } from './broker-failure.js';
import type { ProtocolVersion, WillOptions } from './mqtt-connection.js';
import { describeCode } from './refusal.js';

/** Reason codes of a CONNACK that concern the will, or the size of the CONNECT that carries it. */
const PACKET_TOO_LARGE = 149;
const RETAIN_NOT_SUPPORTED = 154;
const QOS_NOT_SUPPORTED = 155;
/** Number of attempts that the broker ends without a CONNACK before another introduction is tried. */
const CUTS_PER_STEP = 2;

/** Outlives the connections. */
export class ConnectPlan {
  readonly #versions: readonly [ProtocolVersion, ...ProtocolVersion[]];
  #versionIndex = 0;
  #will: WillOptions | undefined = { qos: 1, retain: true };
  #willRefusal: string | undefined;
  /** Number of attempts in a row that the broker ended without a CONNACK. Some end what they do not understand. */
  #cuts = 0;
  /** Number of such attempts since a connection stood. */
  #cutsSinceSuccess = 0;
  /** True while the first introduction is tried once more. */
  #isRechecking = false;

  constructor(versions: readonly [ProtocolVersion, ...ProtocolVersion[]]) {
    this.#versions = versions;
  }

  get version(): ProtocolVersion {
    const index = this.#versionIndex + this.#step;
    return this.#versions[index % this.#versions.length] ?? this.#versions[0];
  }

  /** Will of the next connection; undefined where it has none. */
  get will(): WillOptions | undefined {
    return this.#isWithoutWill ? undefined : this.#will;
  }

  /** Returns why the connections have no will; undefined where they have one. */
  get willRefusal(): string | undefined {
    if (this.#willRefusal !== undefined) return this.#willRefusal;
    return this.#isWithoutWill ? 'the broker ends the connection at it' : undefined;
  }

  /** Takes a failed attempt into account: the broker sent no CONNACK, or one that refuses. */
  refused(failure: BrokerFailure): void {
    const { reasonCode, isCut, versionRefused } = failure;
    if (versionRefused) this.#versionIndex++;
    if (isCut) {
      this.#cuts++;
      this.#cutsSinceSuccess++;
    } else this.#cuts = 0;
    if (!this.#will || reasonCode === undefined) return;
    if (reasonCode === QOS_NOT_SUPPORTED) this.#will = { ...this.#will, qos: 0 };
    else if (reasonCode === RETAIN_NOT_SUPPORTED) this.#will = { ...this.#will, retain: false };
    else if (reasonCode === PACKET_TOO_LARGE) {
      this.#will = undefined;
      this.#willRefusal = describeCode(reasonCode, 'refused');
    }
  }

  /**
   * The broker accepted the connection. A proxy before an absent broker ends attempts as well: where it was another introduction than the
   * first one that passed, the first one is tried once more.
   * @returns false when the connection should be given up for that, before anything is published
   */
  accepted(): boolean {
    const isSettled = this.#step === 0 || this.#isRechecking || this.#cutsSinceSuccess === 0;
    this.#cutsSinceSuccess = 0;
    this.#isRechecking = !isSettled;
    if (!isSettled) this.#cuts = 0;
    return isSettled;
  }

  get #step(): number {
    return Math.floor(this.#cuts / CUTS_PER_STEP);
  }

  /** Every version is tried with the will, and then every version without it. */
  get #isWithoutWill(): boolean {
    return Math.floor(this.#step / this.#versions.length) % 2 === 1;
  }
}
