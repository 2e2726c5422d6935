// Temperature of the device: the hottest of its thermal zones in sysfs, as a Raspberry Pi, a Jetson and a PC have them.
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The hottest sensor of the device, in degrees Celsius, and the number of sensors that could be read. */
export interface Temperature {
  celsius: number;
  sensors: number;
}

/**
 * Zone of a Jetson that reports 100 degrees for everything below 120
 * (https://forums.developer.nvidia.com/t/what-does-each-temperature-zone-mean-ao-pll-thermal/121300/8).
 */
const STEPPED_ZONE = /^pmic-die$/i;
const STEPPED_LOWEST = '100000';

/**
 * Reads all sensors. A sensor of a part that is switched off gives an error, and is left out.
 * @param sys folder where sysfs is mounted @returns undefined where there is no sensor
 */
export async function readTemperature(sys = '/sys'): Promise<Temperature | undefined> {
  const thermal = join(sys, 'class/thermal');
  const zones = (await readdir(thermal).catch(() => [])).filter((name) => name.startsWith('thermal_zone'));
  const celsius: number[] = [];
  for (const zone of zones) {
    const text = (await readText(join(thermal, zone, 'temp'))).trim();
    if (!/^-?\d{1,6}$/.test(text)) continue;
    if (text === STEPPED_LOWEST && STEPPED_ZONE.test((await readText(join(thermal, zone, 'type'))).trim())) continue;
    celsius.push(Number(text) / 1_000);
  }
  return celsius.length === 0 ? undefined : { celsius: Math.max(...celsius), sensors: celsius.length };
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
