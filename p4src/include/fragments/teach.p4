// SPDX-License-Identifier: Apache-2.0
// Part of the main control's apply block: learns the ports from the first fragment of translated traffic, of answers that are
// exempt from it, and of traffic that policy judges. An entry can't be replaced: if another packet had the same identification, their fragments could not be
// distinguished.

                    if (hdr.fragment.isValid() && meta.drop_reason == DROP_NONE && (meta.plan != PLAN_NONE || hdr.flow.found == 1 || hdr.leaving.exempt == 1 || hdr.judge.isolated != 0)) {
                        if (hdr.fragment.first == 0) {
                            // An answer requires the layer-4 header.
                            if (meta.refusal != DROP_NONE) {
                                meta.refusal = DROP_NONE;
                                meta.drop_reason = DROP_SERVICE_FRAGMENT;
                            }
                        } else if (meta.refusal == DROP_NONE) {
                            SHARES_OF_PORT
                            READ_SHARE(SHARE_FRAGMENTED, EXPIRE_30, fragmented_packets, POD_FRAGMENTED, NODE_FRAGMENTED)
                            if (hdr.share.count >= hdr.share.limit) {
                                meta.drop_reason = DROP_SHARE;
                            } else {
                                hdr.share.count = hdr.share.count + 1;
                                fragmented_packets.write(hdr.guard.port, hdr.share.count);
                                meta.new_expiry = EXPIRE_30;
                                fragments.apply();
                                if (hdr.fragment.known == FRAGMENT_COLLIDES) {
                                    meta.drop_reason = DROP_SERVICE_FRAGMENT;
                                }
                            }
                        }
                    }
