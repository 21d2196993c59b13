/** What the library tells whoever wants to show progress. It prints nothing itself. */
export type TrustEvent =
  | {
      readonly type: "request";
      readonly repository: string;
      readonly file: string;
      readonly status: number;
      readonly bytes: number;
      readonly milliseconds: number;
      /** The server's clock, as its `Date` header says. */
      readonly date: string | undefined;
    }
  /** A root was verified that is newer than the one trusted before. */
  | {
      readonly type: "root";
      readonly repository: string;
      readonly version: number;
      readonly keyIds: readonly string[];
    }
  /** The first root of a repository was taken without a pin, as the policy's `tofu` says. */
  | { readonly type: "first-use"; readonly repository: string; readonly keyIds: readonly string[] }
  /** The server is away; data of an earlier update is used, as the policy allows. `age` in milliseconds. */
  | { readonly type: "offline"; readonly repository: string; readonly age: number }
  /** One of several references is done. */
  | {
      readonly type: "resolved" | "refused";
      readonly reference: string;
      readonly done: number;
      readonly total: number;
    };

export type OnEvent = (event: TrustEvent) => void;
