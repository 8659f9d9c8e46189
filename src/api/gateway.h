/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* gateway — the addresses that API keys open (SPEC section 3), on the loop. */
struct dispatch;
struct exchange;
struct relay_host;
struct route_match;

/* What the loop offers to a call that goes on there. */
struct relay_host gateway_host(struct dispatch *d);

/* POST /sora/v1/chat/completions: always platform sora. */
void gateway_chat_sora(struct exchange *x, struct dispatch *d, const struct route_match *match);
/* POST /v1/chat/completions: by the key's group. */
void gateway_chat_v1(struct exchange *x, struct dispatch *d, const struct route_match *match);
/* GET /v1/models, /sora/v1/models: always platform sora under the second. */
void gateway_models(struct exchange *x, struct dispatch *d, const struct route_match *match);
/* GET …/models/{id...}: one of them; its id may have slashes, plain or encoded. */
void gateway_model(struct exchange *x, struct dispatch *d, const struct route_match *match);
/* GET /media/upstream/{token}/{name} (GW-9) */
void gateway_media(struct exchange *x, struct dispatch *d, const struct route_match *match);
