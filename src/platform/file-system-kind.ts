/**
 * Whether a directory is on a file system that keeps what Millrace promises. Over a network neither
 * locks nor syncs can be trusted.
 */
import fs from 'node:fs';
import type { FileSystemKind } from './files.ts';

/**
 * `f_type` of statfs on Linux. FUSE (0x65735546) is missing on purpose: it may be a local NTFS disk
 * as well as sshfs.
 */
const networkTypes: ReadonlySet<number> = new Set([
  0x6969, // NFS
  0x517b, // SMB
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2 and later
  0x01021997, // 9P
  0x0bd00bd0, // Lustre
  0x5346414f, // AFS (OpenAFS)
  0x6b414653, // AFS (Linux)
  0x00c36400, // Ceph
  0x73757245, // Coda
  0x7461636f, // OCFS2
  0x01161970, // GFS2
]);

/** Throws what node:fs throws where there is no such path. */
export function fileSystemKind(path: string): FileSystemKind {
  const { type } = fs.statfsSync(path); // the other systems number their file systems at will
  if (process.platform === 'linux' && isNetworkType(type)) return 'network';
  return isWritable(path) ? 'local' : 'read-only';
}

/** Whether this `f_type` of Linux is a network file system's. */
export function isNetworkType(type: number): boolean {
  return networkTypes.has(type >>> 0); // signed on some architectures
}

function isWritable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
