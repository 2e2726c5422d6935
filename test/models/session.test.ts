import { describe, expect, it, onTestFinished } from 'vitest';
import { loadManifest, getModelSet } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import { ModelSession, listProviders, countProviders } from '../../src/models/session.js';
import { missing, sharedModelsDir } from '../support/shared.js';

describe('countProviders', () => {
  it('counts the nodes by the provider that ran them, and nothing else', () => {
    const profile = [
      { cat: 'Session', args: {} },
      { cat: 'Node', name: 'Conv_kernel_time', args: { provider: 'CUDAExecutionProvider' } },
      { cat: 'Node', name: 'Shape_kernel_time', args: { provider: 'CPUExecutionProvider' } },
      { cat: 'Node', name: 'Conv_kernel_time', args: { provider: 'CUDAExecutionProvider' } },
      { cat: 'Node', name: 'Conv_fence_before', args: { op_name: 'Conv' } },
    ];
    expect([...countProviders(JSON.stringify(profile))]).toEqual([
      ['CUDAExecutionProvider', 2],
      ['CPUExecutionProvider', 1],
    ]);
  });
});

describe.skipIf(missing('sessions', sharedModelsDir))('a session', () => {
  const model = getModelSet(loadManifest(), 'standard').embedder;
  const { name } = model.input;
  const black = { [name]: { data: new Float32Array(3 * 112 * 112), dims: [1, 3, 112, 112] } };

  async function open(providers: readonly string[], warmUp = black): Promise<ModelSession> {
    const bytes = await readModel(sharedModelsDir ?? '', model);
    const session = await ModelSession.create(model.file, bytes, { providers, warmUp });
    onTestFinished(() => session.release());
    return session;
  }

  it('runs on the first provider that works, and lists the failed ones with their reasons', async () => {
    const session = await open(['nonesuch', 'cpu']);
    expect(session.provider).toBe('cpu');
    expect(session.failures).toEqual([{ provider: 'nonesuch', reason: 'unknown to this build of onnxruntime' }]);
    const outputs = await session.run(black);
    expect(outputs[model.output.name]).toHaveLength(128);
  });

  it('returns new output arrays for each run', async () => {
    const session = await open(['cpu']);
    const first = (await session.run(black))[model.output.name];
    const copy = Float32Array.from(first!);
    const white = { [name]: { data: new Float32Array(3 * 112 * 112).fill(1), dims: [1, 3, 112, 112] } };
    expect((await session.run(white))[model.output.name]).not.toEqual(copy);
    expect(first).toEqual(copy);
  });

  it('is not created on a provider that loads the model but cannot run it', async () => {
    const wrong = { [name]: { data: new Float32Array(12), dims: [1, 3, 2, 2] } };
    await expect(open(['cpu'], wrong)).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      message: expect.stringMatching(
        /no execution provider runs MobileFaceNet.onnx. Tried: cpu \(.*invalid dimensions/i,
      ) as string,
    });
  });

  it('is not created from bytes that are no model', async () => {
    const options = { providers: ['cpu'], warmUp: black };
    await expect(ModelSession.create('x.onnx', new Uint8Array(100), options)).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
    });
  });

  it('knows at least the CPU provider', () => {
    expect(listProviders()).toContain('cpu');
  });
});
