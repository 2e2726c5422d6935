// `lintel models`: the commands that fetch, list, quantise and calibrate the model files.
import type { Command } from 'commander';
import type { CliContext } from '../context.js';
import { registerCalibrate } from './calibrate.js';
import { registerFetch } from './fetch.js';
import { registerList } from './list.js';
import { registerQuantise } from './quantise.js';

export function registerModels(models: Command, context: CliContext): void {
  registerFetch(models, context);
  registerList(models, context);
  registerQuantise(models, context);
  registerCalibrate(models, context);
}
