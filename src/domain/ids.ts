// Patterns of the ids that clients and operators choose.

export const GROUP_ID_PATTERN = /^[a-z0-9-]{1,255}$/;
export const EXTERNAL_IMAGE_ID_PATTERN = /^[a-zA-Z0-9_.:-]{1,255}$/;
/** Device and camera ids become MQTT topic levels. */
export const DEVICE_ID_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;
export const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
