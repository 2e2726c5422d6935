// The metrics of the cameras, and of what is recognised before them.
import { Counter, Gauge, type Registry } from 'prom-client';
import type { CameraSource, MetricsSources } from './metrics-sources.js';

export function addCameras(registry: Registry, cameras: MetricsSources['cameras']): void {
  new Gauge({
    name: 'lintel_camera_status',
    help: '1 for the status that each camera is in',
    labelNames: ['camera', 'status'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, camera } of cameras()) this.set({ camera: id, status: camera.status }, 1);
    },
  });
  new Gauge({
    name: 'lintel_camera_fault',
    help: '1 for the fault that the picture of each camera has',
    labelNames: ['camera', 'fault'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, camera } of cameras()) {
        if (camera.fault !== undefined) this.set({ camera: id, fault: camera.fault }, 1);
      }
    },
  });
  const measured = [
    ['lintel_camera_analysed_fps', 'Frames analysed per second, recently', (one: CameraSource) => one.camera.fps],
    ['lintel_camera_delay_seconds', 'Delay of the frames', (one: CameraSource) => one.camera.delayMs / 1_000],
  ] as const;
  for (const [name, help, read] of measured) {
    new Gauge({
      name,
      help,
      labelNames: ['camera'],
      registers: [registry],
      collect() {
        this.reset();
        for (const one of cameras()) this.set({ camera: one.id }, read(one));
      },
    });
  }
  const counted = [
    ['lintel_camera_frames_total', 'Frames read from the source', (one: CameraSource) => one.camera.frames],
    [
      'lintel_camera_dropped_frames_total',
      'Frames that newer ones replaced before they were analysed',
      (one: CameraSource) => one.camera.dropped,
    ],
    [
      'lintel_camera_damaged_frames_total',
      'Pictures that were skipped because they are damaged, or rest on one that is missing',
      (one: CameraSource) => one.camera.damaged,
    ],
    [
      'lintel_camera_stream_changes_total',
      'Number of times that the stream changed its size, codec, pixel format, range or rotation',
      (one: CameraSource) => one.camera.streamChanges,
    ],
    ['lintel_camera_analysed_frames_total', 'Frames analysed', (one: CameraSource) => one.camera.analysed],
    [
      'lintel_camera_analysis_seconds_total',
      'Time from the capture of a frame to the end of its analysis, summed over all analysed frames',
      (one: CameraSource) => one.camera.analysisMs / 1_000,
    ],
    [
      'lintel_camera_match_seconds_total',
      'Time from the capture of the newest shot to the decision, summed over all matches',
      (one: CameraSource) => one.recognition.matchMs / 1_000,
    ],
    [
      'lintel_camera_losses_total',
      'Number of times that the source was lost or could not be opened',
      (one: CameraSource) => one.camera.losses,
    ],
    [
      'lintel_camera_reopenings_total',
      'Number of times that the source was opened again because of a frozen picture or a drifting clock',
      (one: CameraSource) => one.camera.reopenings,
    ],
    ['lintel_tracks_total', 'Faces followed', (one: CameraSource) => one.recognition.tracks],
    ['lintel_embedded_shots_total', 'Shots that were embedded', (one: CameraSource) => one.recognition.embedded],
    ['lintel_lost_events_total', 'Events that could not be stored', (one: CameraSource) => one.recognition.lostEvents],
  ] as const;
  for (const [name, help, read] of counted) {
    new Counter({
      name,
      help,
      labelNames: ['camera'],
      registers: [registry],
      collect() {
        this.reset();
        for (const one of cameras()) this.inc({ camera: one.id }, read(one));
      },
    });
  }
  new Counter({
    name: 'lintel_decisions_total',
    help: 'Decisions that were announced',
    labelNames: ['camera', 'type', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const { id, eventCounts } of cameras()) {
        for (const { type, reason, count } of eventCounts) this.inc({ camera: id, type, reason }, count);
      }
    },
  });
}
