(* Lemmas and tactics that the proofs of the claims share; the assistant's kernel checks them like all others. *)
Require Import Reals Lra Lia Psatz.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(* --- signs and divisors ----------------------------------------------------------------------------------------------------------- *)

Ltac positive_parts :=
  match goal with
  | |- ?g => assumption
  | H : forall _, _ |- 0 < _ => apply H
  | H : forall _, _ |- 0 <= _ => apply H
  | |- 0 < exp _ => apply exp_pos
  | |- 0 <= exp _ => apply Rlt_le, exp_pos
  | |- 0 < PI => apply PI_RGT_0
  | |- 0 <= sqrt _ => apply sqrt_pos
  | |- 0 < sqrt _ => apply sqrt_lt_R0; positive_parts
  | |- 0 <= INR _ => apply pos_INR
  | |- 0 < INR _ => apply lt_0_INR; lia
  | |- 0 < ?a * ?b => apply Rmult_lt_0_compat; positive_parts
  | |- 0 < ?a / ?b => apply Rmult_lt_0_compat; [positive_parts | apply Rinv_0_lt_compat; positive_parts]
  | |- 0 < / ?a => apply Rinv_0_lt_compat; positive_parts
  | |- 0 < ?a ^ ?n => apply pow_lt; positive_parts
  | |- 0 < ?a + ?b => apply Rplus_lt_0_compat; positive_parts
  | |- 0 < ?a + ?b => apply Rplus_lt_le_0_compat; positive_parts
  | |- 0 < ?a + ?b => apply Rplus_le_lt_0_compat; positive_parts
  | |- 0 < IZR _ => lra
  | |- 0 <= ?a ^ 2 => apply pow2_ge_0
  | |- 0 <= ?a ^ ?n => apply pow_le; positive_parts
  | |- 0 <= ?a * ?a => apply Rle_0_sqr
  | |- 0 <= ?a * ?b => apply Rmult_le_pos; positive_parts
  | |- 0 <= ?a / ?b => apply Rmult_le_pos; [positive_parts | apply Rlt_le, Rinv_0_lt_compat; positive_parts]
  | |- 0 <= / ?a => apply Rlt_le, Rinv_0_lt_compat; positive_parts
  | |- 0 <= ?a + ?b => apply Rplus_le_le_0_compat; positive_parts
  | |- 0 <= ?a => apply Rlt_le; positive_parts
  | |- 0 < ?a => match goal with H : 0 <= a, N : a <> 0 |- _ => destruct H as [H | H]; [exact H | exfalso; apply N; symmetry; exact H] end
  | |- _ => lra
  end.
Ltac positive := first [ positive_parts | solve [nra] ].

Ltac nonzero :=
  match goal with
  | |- ?a <> 0 => assumption
  | H : forall _, _ |- _ <> 0 => apply H; lia
  | |- ?a * ?b <> 0 => apply Rmult_integral_contrapositive_currified; nonzero
  | |- ?a ^ ?n <> 0 => apply pow_nonzero; nonzero
  | |- / ?a <> 0 => apply Rinv_neq_0_compat; nonzero
  | |- ?a <> 0 => apply Rgt_not_eq; unfold Rgt; solve [positive]
  | H : ?b <> 0 |- ?a <> 0 => let E := fresh in intro E; apply H; solve [lra]
  | |- ?a <> 0 => apply Rlt_not_eq; solve [lra]
  end.

Ltac impossible H :=
  match type of H with
  | ?a < 0 => assert (0 <= a) by positive; lra
  | ?a <= 0 => assert (0 < a) by positive; lra
  | ?a > 0 => assert (0 <= - a) by (solve [nra | lra]); lra
  | ?a >= 0 => assert (0 < - a) by (solve [nra | lra]); lra
  | ?a = 0 => assert (a <> 0) by nonzero; contradiction
  end.
Ltac sides := repeat match goal with |- _ /\ _ => split end; try exact I; nonzero.
Ltac by_field := first [ring | field; sides | field_simplify_eq; [ring | sides]].
Ltac vanishes H := first [lra | apply Rle_antisym; [lra | positive] | rewrite <- ?H; by_field].

(* --- choices ------------------------------------------------------------------------------------------------------------------------ *)

Lemma chosen_less (a b x y : R) : a < b -> (if Rlt_dec a b then x else y) = x.
Proof. intros; destruct (Rlt_dec a b); [reflexivity | lra]. Qed.
Lemma other_less (a b x y : R) : b <= a -> (if Rlt_dec a b then x else y) = y.
Proof. intros; destruct (Rlt_dec a b); [lra | reflexivity]. Qed.
Lemma chosen_less_equal (a b x y : R) : a <= b -> (if Rle_dec a b then x else y) = x.
Proof. intros; destruct (Rle_dec a b); [reflexivity | lra]. Qed.
Lemma other_less_equal (a b x y : R) : b < a -> (if Rle_dec a b then x else y) = y.
Proof. intros; destruct (Rle_dec a b); [lra | reflexivity]. Qed.
Lemma chosen_equal (a b x y : R) : a = b -> (if Req_EM_T a b then x else y) = x.
Proof. intros; destruct (Req_EM_T a b); [reflexivity | contradiction]. Qed.
Lemma other_equal (a b x y : R) : a <> b -> (if Req_EM_T a b then x else y) = y.
Proof. intros; destruct (Req_EM_T a b); [contradiction | reflexivity]. Qed.

(* --- powers, exponentials, logarithms ------------------------------------------------------------------------------------------------- *)

Lemma exp_natural (x : R) (n : nat) : exp (INR n * x) = exp x ^ n.
Proof.
  induction n as [|n IH]; [simpl; rewrite Rmult_0_l; apply exp_0|].
  rewrite S_INR; replace ((INR n + 1) * x) with (x + INR n * x) by ring; rewrite exp_plus, IH; reflexivity.
Qed.
Lemma ln_natural (x : R) (n : nat) : 0 < x -> ln (x ^ n) = INR n * ln x.
Proof.
  intros; induction n as [|n IH]; [simpl; rewrite ln_1; ring|].
  rewrite S_INR; simpl; rewrite ln_mult, IH; [ring | assumption | apply pow_lt; assumption].
Qed.
Lemma power_inverse (x : R) (n : nat) : x <> 0 -> (/ x) ^ n = / (x ^ n).
Proof. intros; symmetry; apply Rinv_pow; assumption. Qed.
Lemma power_swap (x : R) (m n : nat) : (x ^ m) ^ n = (x ^ n) ^ m.
Proof. rewrite <- !pow_mult, Nat.mul_comm; reflexivity. Qed.
Lemma exp_up (n : nat) (c x : R) : c = INR n -> exp (c * x) = exp x ^ n.
Proof. intros ->; apply exp_natural. Qed.
Lemma exp_down (n : nat) (c x : R) : c = - INR n -> exp (c * x) = / (exp x ^ n).
Proof. intros ->; rewrite Ropp_mult_distr_l_reverse, exp_Ropp, exp_natural; reflexivity. Qed.

Lemma power_of_whole (x r : R) (up down : nat) : 0 < x -> r = INR up - INR down -> exp (r * ln x) = x ^ up / x ^ down.
Proof.
  intros P ->; replace ((INR up - INR down) * ln x) with (INR up * ln x + - (INR down * ln x)) by ring.
  rewrite exp_plus, exp_Ropp, !exp_natural, exp_ln by assumption; reflexivity.
Qed.

Ltac powers :=
  rewrite ?pow_add, ?pow_mult, ?Rpow_mult_distr; repeat (rewrite power_inverse by nonzero); rewrite ?Rpow_mult_distr;
  repeat match goal with
  | H : ?l ^ ?n = ?p |- context [?l ^ ?n] => rewrite H
  | H : ?l ^ ?n = ?p |- context [(?l ^ ?c) ^ ?n] => rewrite (power_swap l c n), H
  end; by_field.
Ltac exponentials :=
  repeat match goal with H : exp ?a = ?x |- context [exp ?a] => rewrite H end; rewrite ?exp_0; by_field.
Ltac logarithms :=
  repeat (rewrite ln_mult by positive); repeat (rewrite ln_Rinv by positive); repeat (rewrite ln_natural by positive); rewrite ?ln_1;
  repeat match goal with H : ln ?a = ?l |- context [ln ?a] => rewrite H end; simpl INR; by_field.

(* --- sums over an index ---------------------------------------------------------------------------------------------------------------- *)

Require Import List.
Definition total (low high : nat) (f : nat -> R) : R := fold_right Rplus 0 (map f (seq low (S high - low))).

Lemma total_ext (low high : nat) (f g : nat -> R) :
  (forall k, (low <= k <= high)%nat -> f k = g k) -> total low high f = total low high g.
Proof.
  intros same; unfold total.
  assert (H : forall k, In k (seq low (S high - low)) -> f k = g k) by (intros k I; apply same; apply in_seq in I; lia).
  induction (seq low (S high - low)) as [|k rest IH]; simpl; [reflexivity|].
  rewrite H by (left; reflexivity); rewrite IH; [reflexivity | intros; apply H; right; assumption].
Qed.
Lemma total_plus (low high : nat) (f g : nat -> R) : total low high (fun k => f k + g k) = total low high (fun k => f k) + total low high (fun k => g k).
Proof. unfold total; induction (seq low (S high - low)); simpl; [ring | rewrite IHl; ring]. Qed.
Lemma total_scale (low high : nat) (c : R) (f : nat -> R) : total low high (fun k => c * f k) = c * total low high (fun k => f k).
Proof. unfold total; induction (seq low (S high - low)); simpl; [ring | rewrite IHl; ring]. Qed.
Lemma total_zero (low high : nat) : total low high (fun _ => 0) = 0.
Proof. unfold total; induction (seq low (S high - low)); simpl; [ring | rewrite IHl; ring]. Qed.
Lemma total_swap (low high low' high' : nat) (f : nat -> nat -> R) :
  total low high (fun i => total low' high' (fun j => f i j)) = total low' high' (fun j => total low high (fun i => f i j)).
Proof.
  unfold total at 1 4; induction (seq low (S high - low)) as [|i rest IH]; simpl; [rewrite total_zero; reflexivity|].
  rewrite IH, <- total_plus; reflexivity.
Qed.
Lemma total_one (high : nat) : total 1 high (fun _ => 1) = INR high.
Proof.
  unfold total; replace (S high - 1)%nat with high by lia; generalize 1%nat.
  induction high as [|n IH]; intros low; [reflexivity|]; rewrite S_INR; simpl; rewrite IH; ring.
Qed.
Lemma total_last (n : nat) (f : nat -> R) : total 1 (S n) f = total 1 n f + f (S n).
Proof.
  unfold total; replace (S (S n) - 1)%nat with (S n) by lia; replace (S n - 1)%nat with n by lia; rewrite seq_S, map_app, fold_right_app.
  simpl; generalize (seq 1 n); intros l; induction l as [|k l IH]; simpl; [ring | rewrite IH; ring].
Qed.

Lemma total_none (f : nat -> R) : total 1 0 f = 0.
Proof. reflexivity. Qed.

Ltac whole_exponent := first [solve [positive_parts] | rewrite ?total_one, ?plus_INR, ?mult_INR; simpl INR; by_field].
Ltac at_the_end := apply f_equal2; [reflexivity | rewrite ?pow_add, ?plus_INR, ?mult_INR; simpl INR; by_field].
Ltac split_sums := rewrite ?total_plus; rewrite ?total_scale; rewrite ?total_zero, ?total_one.
Ltac numbers := rewrite ?plus_INR, ?mult_INR; simpl INR; by_field.
