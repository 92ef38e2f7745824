//! Branches that people have pinned.

use shipmate::db::pins;

use super::*;

on_both! {
    async fn everybody_has_their_own_pins(db: Db) {
        let mut tx = write(&db).await;
        let app = add_app(&mut tx).await;
        let ann = add_user(&mut tx, "pins-ann@example.org").await;
        let bob = add_user(&mut tx, "pins-bob@example.org").await;
        for (user, branch, at) in [(&ann, ODD, 9), (&ann, "main", 5), (&ann, ODD, 1), (&bob, "main", 1)] {
            pins::insert(&mut tx, user, &app, branch, Millis(at)).await.unwrap();
        }
        assert_eq!(pins::list(&mut tx, &ann, &app).await.unwrap(), ["main", ODD]);
        assert_eq!(pins::delete(&mut tx, &ann, &app, "main").await.unwrap(), 1);
        assert_eq!(pins::delete(&mut tx, &ann, &app, "main").await.unwrap(), 0);
        assert_eq!(pins::list(&mut tx, &ann, &app).await.unwrap(), [ODD]);
        assert_eq!(pins::list(&mut tx, &bob, &app).await.unwrap(), ["main"]);
    }
}
