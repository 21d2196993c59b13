/** Logging in on another device (RFC 8628): a person opens an address anywhere, and enters a code there. */
import * as oauth from "oauth4webapi";
import { AccessError } from "../access/errors.ts";
import { printable } from "../output.ts";
import { addressOf, codeOf, type Provider, told } from "./provider.ts";

export interface DeviceTools {
  readonly say: (line: string) => void;
  readonly pause: (milliseconds: number) => Promise<void>;
  readonly now: () => number;
}

/** Seconds: between two questions, and until it is given up, whatever the provider says. */
const [leastPause, mostPause, longest] = [1, 60, 1_800];

/** The ID token. Throws `LOGIN_FAILED`. */
export async function byDevice(provider: Provider, { say, pause, now }: DeviceTools): Promise<string> {
  const { server, client, scope, options } = provider;
  return await told(server.issuer, async () => {
    const asked = await oauth.deviceAuthorizationRequest(server, client, oauth.None(), { scope }, options);
    const offer = await oauth.processDeviceAuthorizationResponse(server, client, asked);
    const place = addressOf(offer.verification_uri).href;
    say(`Open ${printable(place)} and enter ${printable(offer.user_code.slice(0, 64))}`);
    const until = now() + Math.min(offer.expires_in, longest) * 1_000;
    let seconds = offer.interval ?? 5;
    while (now() < until) {
      await pause(Math.min(Math.max(seconds, leastPause), mostPause) * 1_000);
      const answer = await oauth.deviceCodeGrantRequest(
        server,
        client,
        oauth.None(),
        offer.device_code,
        options,
      );
      try {
        const { id_token } = await oauth.processDeviceCodeResponse(server, client, answer);
        if (id_token !== undefined) return id_token;
        throw new AccessError(
          "LOGIN_FAILED",
          `${printable(server.issuer)} gives no ID token: its scopes must have openid.`,
        );
      } catch (error) {
        const code = codeOf(error);
        if (code === "slow_down") seconds += 5;
        else if (code !== "authorization_pending") throw error;
      }
    }
    throw new AccessError("LOGIN_FAILED", "Nobody entered the code in time: run vidimus login again.");
  });
}
