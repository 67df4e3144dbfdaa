// SPDX-License-Identifier: Apache-2.0
// Part of the main control: entries that are being replaced. If a target can't modify an entry, it is deleted and inserted again; in
// between, packets that would match it are dropped. Looked up only on a miss, so that other packets don't pay for it.

    action hold() {
        meta.drop_reason = DROP_HELD;
    }

    action not_held() {
    }

    table held {
        key = {
            hdr.held.kind: exact @name("kind");
            hdr.held.value: exact @name("value");
        }
        actions = {
            hold;
            @defaultonly not_held;
        }
        const default_action = not_held;
        size = 1024;
    }
