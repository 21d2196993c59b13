/**
 * The bounds of everything that comes from outside. They hold before anything is verified, so that no
 * amount of input can cost more than its size.
 *
 * What is a matter of taste is configuration (`config.ts`); what is here is a property of the formats: a
 * file beyond one of these bounds is malformed for every server and every client of ours.
 */

/** Nesting of JSON values; real files reach 7. */
export const maxDepth = 32;

/**
 * Objects and arrays in one file, and members of all of them: five and ten for each of the most targets. Without these bounds
 * a file would fill far more memory than it has bytes: two brackets become an object of 56, and each new name a place in a table.
 */
export const maxContainers = 1_000_000;
export const maxMembers = 2_000_000;

/** Versions are 1 … 2^31-1: what a PostgreSQL integer column and every client can hold. */
export const maxVersion = 2_147_483_647;

/**
 * How far a version may step in one publication (root: exactly one). A stolen key that jumps to the maximum
 * would lock a repository for good (Cure53 TUF-01-002).
 */
export const maxVersionStep = 1_000;

/** Signature entries in one file. Each is counted before any is verified. */
export const maxSignatures = 64;

/** Key IDs of one role, and keys in one file. */
export const maxRoleKeys = 256;
export const maxKeys = 1_024;

/**
 * Different keys that the roles of one file use, and how often they use one altogether. Opening a key costs up to a
 * third of a millisecond, before anybody knows whether the file is signed.
 */
export const maxUsedKeys = 512;
export const maxKeyUses = 4_096;

/** Different keys that all files of one upload use. */
export const maxUploadKeys = 1_024;

/** Delegations made by one file, and segments of a role name (`targets/a/b` has three). */
export const maxDelegations = 1_000;
export const maxRoleDepth = 16;

/** Prefixes of one delegation. */
export const maxPaths = 1_000;

/** Entries of one targets file and of one snapshot. */
export const maxTargets = 200_000;
export const maxSnapshotEntries = 5_000;

/** UTF-8 bytes of a repository name, a role name, a target name. */
export const maxRepositoryName = 255;
export const maxRoleName = 255;
export const maxTargetName = 4_096;

/** Base64 characters of one public key; a certificate bundle with intermediates fits well. */
export const maxPublicKey = 65_536;

/** Certificates in one bundle. */
export const maxCertificates = 8;

/** RSA moduli in bits. Below is weak, above costs too much to verify. */
export const minRsaBits = 2_048;
export const maxRsaBits = 8_192;

/** Largest `length` a file may claim. */
export const maxLength = Number.MAX_SAFE_INTEGER;
