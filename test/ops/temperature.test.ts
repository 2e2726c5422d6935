// The temperature of the device, from folders like those of a Raspberry Pi and of a Jetson.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readTemperature } from '../../src/ops/temperature.js';
import { tempDir } from '../support/temp-dir.js';

/** Makes a folder like /sys with these zones: type and text of `temp`; undefined for a sensor that cannot be read. */
async function makeZones(...zones: [string, string | undefined][]): Promise<string> {
  const sys = tempDir();
  await mkdir(join(sys, 'class/thermal'), { recursive: true });
  for (const [index, [type, text]] of zones.entries()) {
    const zone = join(sys, `class/thermal/thermal_zone${index}`);
    await mkdir(zone);
    await writeFile(join(zone, 'type'), `${type}\n`);
    if (text !== undefined) await writeFile(join(zone, 'temp'), `${text}\n`);
  }
  return sys;
}

it('is that of the hottest sensor', async () => {
  const sys = await makeZones(['cpu-thermal', '48312'], ['gpu-thermal', '51000'], ['outside', '-5000']);
  expect(await readTemperature(sys)).toEqual({ celsius: 51, sensors: 3 });
});

it('leaves out a sensor that gives an error or no number', async () => {
  const sys = await makeZones(['cpu-therm', '40500'], ['cv0-thermal', undefined], ['x', 'N/A'], ['y', '']);
  expect(await readTemperature(sys)).toEqual({ celsius: 40.5, sensors: 1 });
});

it('leaves out the zone of a Jetson that says 100 degrees below 120, and takes it above', async () => {
  expect(await readTemperature(await makeZones(['CPU-therm', '39000'], ['PMIC-Die', '100000']))).toEqual({
    celsius: 39,
    sensors: 1,
  });
  expect(await readTemperature(await makeZones(['CPU-therm', '39000'], ['PMIC-Die', '120000']))).toEqual({
    celsius: 120,
    sensors: 2,
  });
});

it('is undefined where there is no sensor', async () => {
  expect(await readTemperature(await makeZones())).toBeUndefined();
  expect(await readTemperature(join(tempDir(), 'none'))).toBeUndefined();
});
