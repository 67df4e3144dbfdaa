// SPDX-License-Identifier: Apache-2.0
// Part of the main control: what a group says about a class of ports, and which rule says so. The control plane numbers the rules, for
// people; each row counts its packets.

    DirectCounter<bit<64>>(PNA_CounterType_t.PACKETS) rule_packets;

    action allow(bit<32> rule) {
        hdr.judge.verdict = VERDICT_ALLOW;
        hdr.judge.rule_id = rule;
        rule_packets.count();
    }

    action deny(bit<32> rule) {
        hdr.judge.verdict = VERDICT_DENY;
        hdr.judge.rule_id = rule;
        rule_packets.count();
    }

    // Like `allow` and `deny`. The name tells the control plane whose counters to report.
    action log_allow(bit<32> rule) {
        hdr.judge.verdict = VERDICT_ALLOW;
        hdr.judge.rule_id = rule;
        rule_packets.count();
    }

    action log_deny(bit<32> rule) {
        hdr.judge.verdict = VERDICT_DENY;
        hdr.judge.rule_id = rule;
        rule_packets.count();
    }

    // By the lowest bit of the group's number.
    action by_group() {
        hdr.judge.rule_id = 0;
        hdr.judge.verdict = hdr.judge.group_id & 1;
        rule_packets.count();
    }

    table verdicts {
        key = {
            hdr.judge.group_id: exact @name("group");
            hdr.judge.port_number: exact @name("port_class");
        }
        actions = {
            allow;
            deny;
            log_allow;
            log_deny;
            @defaultonly by_group;
        }
        const default_action = by_group;
        pna_direct_counter = rule_packets;
        size = 65536;
    }
