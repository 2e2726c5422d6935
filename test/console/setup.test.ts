// The screen "setup" in a real browser: the configuration in force, and the YAML of a camera, checked by the real schema.
import { parse } from 'yaml';
import { expect, it } from 'vitest';
import { checkPage, checkReflow, tabTo } from './checks.js';
import { describeConsole, useConsole } from './harness.js';

describeConsole('the screen "setup"', () => {
  const stage = useConsole({ camera: { threshold: 88 }, enrolled: [] });

  it('shows the cameras and all sections as they are in force', async () => {
    const page = await stage.openConsole({ at: '#/setup' });
    const camera = page.getByRole('region', { name: 'Camera entrance' });
    await camera.getByText('source.type').waitFor();
    await camera.getByText('88', { exact: true }).waitFor();
    const sections = page.getByRole('region', { name: 'All sections' });
    await sections.getByText('http', { exact: true }).click();
    await sections.getByText('127.0.0.1', { exact: true }).first().waitFor();
    for (const name of ['models', 'vision', 'gallery', 'mqtt', 'events', 'privacy', 'log', 'dataDir']) {
      await sections.getByText(name, { exact: true }).first().waitFor();
    }
  });

  it('writes the YAML of a changed camera by the keyboard alone, and changes nothing', async () => {
    const context = { permissions: ['clipboard-read', 'clipboard-write'] };
    const before = await stage.device<object>('GET', '/configuration');
    const page = await stage.openConsole({ at: '#/setup/entrance', context });
    await page.getByText('The device would accept these values.').waitFor();
    await page.getByText('Nothing is changed yet.').waitFor();
    const threshold = page.getByLabel('Threshold (similarity, 1 to 100)');
    await tabTo(page, threshold);
    await page.keyboard.press('Control+A');
    await page.keyboard.type('91.5');
    await page.getByText('Changed: threshold.').waitFor();
    await page.getByText('The device would accept these values.').waitFor();
    const copy = page.getByRole('button', { name: 'Copy the YAML' });
    await tabTo(page, copy);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const [camera] = parse(await page.evaluate(() => navigator.clipboard.readText())) as Record<string, unknown>[];
    expect(camera).toMatchObject({ id: 'entrance', threshold: 91.5, source: { type: 'file', loop: true } });
    expect(await stage.device<object>('GET', '/configuration')).toEqual(before);
  });

  it('names what the device would refuse', async () => {
    const page = await stage.openConsole({ at: '#/setup/entrance' });
    await page.getByLabel('Threshold (similarity, 1 to 100)').fill('900');
    await page.getByText('threshold: must be at most 100').waitFor();
    await page.getByLabel('Threshold (similarity, 1 to 100)').fill('high');
    await page.getByText('threshold: must be a number').waitFor();
    await page.getByLabel('Threshold (similarity, 1 to 100)').fill('');
    await page.getByText('The device would accept these values.').waitFor();
  });

  it('writes a new camera with what was typed in alone', async () => {
    const page = await stage.openConsole({ at: '#/setup/+' });
    await page.getByLabel('Name of the camera').fill('yard');
    await page.getByLabel('Kind of source').selectOption('url');
    await page.getByLabel('Address, without user and password').fill('rtsp://10.0.0.9/1');
    await page.getByText('The device would accept these values.').waitFor();
    const yaml = (await page.getByRole('region', { name: 'Text for the file' }).locator('pre').textContent()) ?? '';
    expect(parse(yaml)).toEqual([{ id: 'yard', source: { type: 'url', url: 'rtsp://10.0.0.9/1' }, group: 'staff' }]);
  });

  it.each([
    ['a phone', { phone: true, dark: false }],
    ['a phone in the dark', { phone: true, dark: true }],
    ['a desktop', { phone: false, dark: false }],
    ['a desktop in the dark', { phone: false, dark: true }],
  ])('can be used by everybody on %s', async (_, options) => {
    for (const at of ['#/setup', '#/setup/entrance']) {
      const page = await stage.openConsole({ at, ...options });
      await page.getByText(at === '#/setup' ? 'All sections' : 'The device would accept these values.').waitFor();
      await checkPage(page);
      await checkReflow(page);
    }
  });
});
