// The modes in which a camera checks liveness, as events name them.

export const LIVENESS_MODES = ['challenge', 'required', 'observe'] as const;
