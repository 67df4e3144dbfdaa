// SPDX-License-Identifier: Apache-2.0
// Part of the main control: the verdict on a flow, by the sets of its two ends.

#define JUDGE_FLOW \
    if (hdr.judge.egress_set == SET_PENDING || hdr.judge.ingress_set == SET_PENDING) { \
        meta.drop_reason = DROP_POLICY_PENDING; \
    } else if (hdr.judge.egress_set != 0 || hdr.judge.ingress_set != 0) { \
        if (!ports.apply().hit) { \
            port_ranges.apply(); \
        } \
        if (hdr.judge.egress_set != 0) { \
            FIND_PEER(hdr.judge.server) \
            egress_groups.apply(); \
            verdicts.apply(); \
            if (hdr.judge.verdict == VERDICT_DENY) { \
                meta.drop_reason = DROP_POLICY_EGRESS; \
            } \
        } \
        if (hdr.judge.ingress_set != 0 && meta.drop_reason == DROP_NONE) { \
            FIND_PEER(hdr.judge.client) \
            ingress_groups.apply(); \
            verdicts.apply(); \
            if (hdr.judge.verdict == VERDICT_DENY) { \
                meta.drop_reason = DROP_POLICY_INGRESS; \
            } \
        } \
    }
