// SPDX-License-Identifier: Apache-2.0
// Part of the main control: classes of peers. Addresses that are alike in every rule of this node share a class, so that a rule needs no
// row per address.

    action peer(@name("class") bit<32> number) {
        hdr.judge.peer_class = number;
    }

    // Class 0: the addresses that no rule names.
    action other_peer() {
        hdr.judge.peer_class = 0;
    }

    table peers {
        key = {
            hdr.judge.peer_ip: exact @name("address");
        }
        actions = {
            peer;
            @defaultonly other_peer;
        }
        const default_action = other_peer;
        size = 65536;
    }

    // Looked up on a miss of `peers`. (The target rebuilds a table with prefixes at each change of a row: few rows, none per pod.)
    table nets {
        key = {
            hdr.judge.peer_ip: lpm @name("address");
        }
        actions = {
            peer;
            @defaultonly other_peer;
        }
        const default_action = other_peer;
        size = 4096;
    }

// The class of an address.
#define FIND_PEER(address) \
    hdr.judge.peer_ip = address; \
    if (!peers.apply().hit) { \
        nets.apply(); \
    }
