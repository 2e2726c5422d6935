// The errors of jobs that no worker does: the workers are busy, or stopped.
import { AppError } from '../errors.js';

export function createBusyError(detail: string): AppError {
  return new AppError('SERVER_BUSY', 'the vision workers are busy', { detail });
}

export function formatSeconds(durationMs: number): string {
  return `${durationMs / 1_000} seconds`;
}

export function createStoppedError(): AppError {
  return new AppError('STOPPED', 'the vision workers are stopped', { detail: 'The service is stopping.' });
}
