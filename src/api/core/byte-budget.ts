// The budget of bytes that all requests together may hold in memory: bodies, fetched pictures, and large answers.
import { clientError } from '../../errors.js';

/** Bytes that every request gets, however full the budget is: small requests, such as the privacy switch, are always served. */
export const FREE_BYTES = 65_536;
/** Time that every transfer has before it counts as slow, and time without a byte after which it counts as stalled. */
const MIN_TRANSFER_MS = 1_000;
/** A transfer below this rate is cut off when another request needs its bytes. */
const SLOW_BYTES_PER_S = 250_000;

export interface ByteBudgetOptions {
  /** Limit of all reservations together. */
  maxBytes: number;
  /** Monotonic clock, in milliseconds from any origin. */
  monotonicMs: () => number;
}

export interface ByteBudgetStats {
  /** Bytes that are held now. */
  heldBytes: number;
  /** Reservations that were refused because the budget was full. */
  refused: number;
  /** Slow transfers that were cut off to make room. */
  cutOff: number;
}

/** A transfer between the client and the service that goes on. */
interface Transfer {
  startedMs: number;
  /** Time of the last bytes, where it is known. */
  progressMs: number | undefined;
  /** Ends the transfer. */
  cutOff: () => void;
}

/** The bytes that one request holds. They count from the moment they arrive, not from the moment they are announced. */
export class Reservation {
  readonly #grant: (reservation: Reservation, bytes: number) => void;
  #bytes = 0;
  #transfer: Transfer | undefined;

  /** @param grant adds bytes to the budget, or throws; it is given a negative number when bytes are returned */
  constructor(grant: (reservation: Reservation, bytes: number) => void) {
    this.#grant = grant;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get transfer(): Transfer | undefined {
    return this.#transfer;
  }

  /** Holds more bytes. @throws AppError SERVER_BUSY: the budget is full */
  hold(bytes: number): void {
    this.#grant(this, bytes);
    this.#bytes += bytes;
  }

  /**
   * Declares that a transfer begins, which may be cut off when it is slow and the budget is full.
   * @param cutOff ends the transfer; the bytes are returned before it is called
   */
  beginTransfer(startedMs: number, cutOff: () => void): void {
    this.#transfer = { startedMs, progressMs: undefined, cutOff };
  }

  /** Notes that bytes were transferred: from now on the transfer counts as stalled when nothing follows. */
  noteProgress(nowMs: number): void {
    if (this.#transfer) this.#transfer.progressMs = nowMs;
  }

  endTransfer(): void {
    this.#transfer = undefined;
  }

  /** Returns all bytes to the budget. The reservation may be used again. */
  release(): void {
    this.#transfer = undefined;
    const held = this.#bytes;
    this.#bytes = 0;
    if (held > 0) this.#grant(this, -held);
  }
}

export class ByteBudget {
  readonly #options: ByteBudgetOptions;
  readonly #holders = new Set<Reservation>();
  #heldBytes = 0;
  #refused = 0;
  #cutOff = 0;

  constructor(options: ByteBudgetOptions) {
    this.#options = options;
  }

  /** Makes the reservation of one request. It holds nothing yet. */
  open(): Reservation {
    return new Reservation((reservation, bytes) => this.#change(reservation, bytes));
  }

  nowMs(): number {
    return this.#options.monotonicMs();
  }

  stats(): ByteBudgetStats {
    return { heldBytes: this.#heldBytes, refused: this.#refused, cutOff: this.#cutOff };
  }

  #change(reservation: Reservation, bytes: number): void {
    if (bytes < 0) {
      this.#holders.delete(reservation);
    } else if (reservation.bytes + bytes > FREE_BYTES && !this.#makeRoom(reservation, bytes)) {
      this.#refused++;
      throw clientError('SERVER_BUSY', 'The service holds as many bytes of requests as it may; try again later.');
    } else {
      this.#holders.add(reservation);
    }
    this.#heldBytes += bytes;
  }

  /** Cuts off slow transfers, the slowest first, until `bytes` fit. @returns whether they fit */
  #makeRoom(newcomer: Reservation, bytes: number): boolean {
    const { maxBytes } = this.#options;
    while (this.#heldBytes + bytes > maxBytes) {
      const slowest = this.#findSlowest(newcomer);
      const cutOff = slowest?.transfer?.cutOff;
      if (!slowest || !cutOff) return false;
      this.#cutOff++;
      slowest.release();
      cutOff();
    }
    return true;
  }

  #findSlowest(newcomer: Reservation): Reservation | undefined {
    const now = this.nowMs();
    let slowest: Reservation | undefined;
    let lowestRate = SLOW_BYTES_PER_S / 1_000;
    for (const holder of this.#holders) {
      // What is held without a reservation's limit gives no room that a large request could use.
      if (holder === newcomer || !holder.transfer || holder.bytes <= FREE_BYTES) continue;
      const { startedMs, progressMs = now } = holder.transfer;
      const elapsedMs = now - startedMs;
      const isStalled = now - progressMs >= MIN_TRANSFER_MS;
      const rate = isStalled ? 0 : holder.bytes / elapsedMs;
      if (elapsedMs < MIN_TRANSFER_MS || rate >= lowestRate) continue;
      lowestRate = rate;
      slowest = holder;
    }
    return slowest;
  }
}
