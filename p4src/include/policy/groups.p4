// SPDX-License-Identifier: Apache-2.0
// Part of the main control: what a set says about a class of peers. Sets and classes with the same answer for every port share a group.

    action group(@name("group") bit<32> number) {
        hdr.judge.group_id = number;
    }

    // The set's own group, for the peers that none of its rules names.
    action egress_default() {
        hdr.judge.group_id = hdr.judge.egress_set;
    }

    action ingress_default() {
        hdr.judge.group_id = hdr.judge.ingress_set;
    }

    table egress_groups {
        key = {
            hdr.judge.egress_set: exact @name("set");
            hdr.judge.peer_class: exact @name("class");
        }
        actions = {
            group;
            @defaultonly egress_default;
        }
        const default_action = egress_default;
        size = 131072;
    }

    table ingress_groups {
        key = {
            hdr.judge.peer_class: exact @name("class");
            hdr.judge.ingress_set: exact @name("set");
        }
        actions = {
            group;
            @defaultonly ingress_default;
        }
        const default_action = ingress_default;
        size = 131072;
    }
